/**
 * UCC's form of what can be edited: what somebody else has saved since it was opened is not overwritten unseen.
 *
 * UCC (6.6) opens the form with the row of its table, which may be older than what Splunk has, and sends every field.
 */

import RefusalInView from "./defender_refusal_in_view.js";
import { APP, call } from "./defender_web.js";

const CHANGED =
    "Somebody else has changed this since it was loaded here, and saving would undo that. Reload the page and edit it again. " +
    "Changed: ";

/** What the form calls its fields. */
function labelsOf({ pages: { configuration, inputs } }, serviceName) {
    const { entity } = [...configuration.tabs, ...inputs.services].find(({ name }) => name === serviceName);
    return Object.fromEntries(entity.map(({ field, label }) => [field, label]));
}

export default class EditForm extends RefusalInView {
    constructor(globalConfig, serviceName, state, mode, util) {
        super(globalConfig, serviceName, state, mode, util);
        this.kind = serviceName;
        this.mode = mode;
        this.labels = labelsOf(globalConfig, serviceName);
        /** The values that the form has begun with, by field. */
        this.known = Object.fromEntries(Object.entries(state.data).map(([field, { value }]) => [field, value]));
    }

    /** What Splunk has by now of what is edited; null where it can't be read: saving says why. */
    async stored() {
        try {
            const { entry } = await call(`${APP}_${this.kind}/${encodeURIComponent(this.known.name)}`);
            return entry[0].content;
        } catch (error) {
            return null;
        }
    }

    /** The fields that have another value in Splunk than the form has begun with. A secret is not shown, and equals itself. */
    changedSince(now) {
        return Object.keys(this.known).filter(
            (field) => typeof now[field] === "string" && now[field] !== String(this.known[field] ?? "")
        );
    }

    /** Called before the page checks the fields; the page waits for the answer. */
    async onSave(fields) {
        if (this.mode === "edit") {
            const now = await this.stored();
            const changed = now === null ? [] : this.changedSince(now);
            if (changed.length > 0) {
                this.util.setErrorMsg(`${CHANGED}${changed.map((field) => this.labels[field]).join(", ")}.`);
                super.onSave(fields);
                return false;
            }
        }
        return super.onSave(fields);
    }
}
