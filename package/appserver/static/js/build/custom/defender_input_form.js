/**
 * UCC's form of an input: what a refusal says is brought into view, an account that is the only one is chosen, and what
 * is edited is what Splunk has by now.
 */

import EditForm from "./defender_edit_form.js";
import { APP, call } from "./defender_web.js";

const ACCOUNTS = `${APP}_account`;

/** The name of the only account; null where there are none, or several, or they can't be listed. */
async function onlyAccount() {
    try {
        const { entry } = await call(ACCOUNTS, { query: { count: -1 } });
        return entry.length === 1 ? entry[0].name : null;
    } catch (error) {
        // The form's own list says why.
        return null;
    }
}

export default class InputForm extends EditForm {
    /** Called when the form has been made. */
    async onCreate() {
        if (this.mode === "edit") {
            await this.bringUpToDate();
        }
        if (this.mode === "create") {
            await this.chooseOnlyAccount();
        }
    }

    /** UCC (6.6) opens the form with the row of its table, which may be older than what somebody has saved elsewhere. */
    async bringUpToDate() {
        const now = await this.stored();
        if (now === null) {
            return;
        }
        const opened = this.known;
        this.known = { ...opened, ...Object.fromEntries(this.changedSince(now).map((field) => [field, now[field]])) };
        this.util.setState((state) => {
            const data = { ...state.data };
            Object.entries(data).forEach(([field, { value }]) => {
                const untouched = value === opened[field];
                if (untouched && typeof now[field] === "string" && now[field] !== (value || "")) {
                    data[field] = { ...data[field], value: now[field] };
                }
            });
            return { ...state, data };
        });
    }

    async chooseOnlyAccount() {
        const name = await onlyAccount();
        if (name !== null) {
            this.util.setState((state) => {
                const { account } = state.data;
                // Somebody may have been faster.
                return account.value ? state : { ...state, data: { ...state.data, account: { ...account, value: name } } };
            });
        }
    }
}
