// Holds the options of every panel against Splunk's own schemas: node schema.cjs <node_modules> <definition.json>...
// Prints what is wrong, a line each; an option that no schema has counts as wrong.

const fs = require('fs');
const path = require('path');

const [modules, ...definitions] = process.argv.slice(2);
const schemas = require(path.join(modules, '@splunk/visualization-schemas'));
const Ajv = require(path.join(modules, 'ajv'));

const OPTIONS = {
    'splunk.bar': schemas.barOptionsSchema,
    'splunk.column': schemas.columnOptionsSchema,
    'splunk.line': schemas.lineOptionsSchema,
    'splunk.markdown': schemas.markdownOptionsSchema,
    'splunk.singlevalue': schemas.singleValueOptionsSchema,
    'splunk.table': schemas.tableOptionsSchema,
};

for (const file of definitions) {
    const definition = JSON.parse(fs.readFileSync(file, 'utf8'));
    for (const [name, panel] of Object.entries(definition.visualizations)) {
        const properties = OPTIONS[panel.type];
        const ajv = new (Ajv.default || Ajv)({ strict: false, allErrors: true, validateSchema: false });
        const holds = properties && ajv.compile({ type: 'object', properties, additionalProperties: false });
        if (!holds) {
            console.log(`${path.basename(file)}: ${name}: no schema for ${panel.type}`);
        } else if (!holds(panel.options)) {
            for (const error of holds.errors) {
                const what = JSON.stringify(error.params);
                console.log(`${path.basename(file)}: ${name}: ${error.instancePath} ${error.message} ${what}`);
            }
        }
    }
}
