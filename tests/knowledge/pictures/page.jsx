// A dashboard in Splunk's own dashboard packages, with searches that are answered already: window.results, by query.

import DashboardCore from '@splunk/dashboard-core';
import { DashboardContextProvider } from '@splunk/dashboard-context';
import CloudViewOnlyPreset from '@splunk/dashboard-presets/CloudViewOnlyPreset';
import EnterpriseViewOnlyPreset from '@splunk/dashboard-presets/EnterpriseViewOnlyPreset';
import SplunkSearch from '@splunk/datasources/SplunkSearch';
import TestDataSource from '@splunk/datasources/TestDataSource';
import { SplunkThemeProvider } from '@splunk/themes';
import React from 'react';
import { createRoot } from 'react-dom/client';

window.asked = [];

class Answered extends TestDataSource {
    static config = SplunkSearch.config; // chains, tokens of results: as in Splunk

    constructor(options = {}, context = {}) {
        const data = window.results[options.query];
        window.asked.push(options.query);
        super(data ? { data: structuredClone(data), increments: 1 } : { error: 'not answered' }, context);
    }
}

const preset = {
    ...EnterpriseViewOnlyPreset,
    dataSources: { ...EnterpriseViewOnlyPreset.dataSources, 'ds.search': Answered, 'ds.chain': Answered },
    // Enterprise's own asks Splunk Web for the names of time ranges.
    inputs: {
        ...EnterpriseViewOnlyPreset.inputs,
        'input.timerange': CloudViewOnlyPreset.inputs['input.timerange'],
    },
};

createRoot(document.getElementById('root')).render(
    <SplunkThemeProvider family="enterprise" colorScheme={window.theme} density="comfortable">
        <DashboardContextProvider
            preset={preset}
            initialDefinition={window.definition}
            featureFlags={{ enableSmartSourceDS: true }}
        >
            <DashboardCore width="100%" height="auto" />
        </DashboardContextProvider>
    </SplunkThemeProvider>
);
