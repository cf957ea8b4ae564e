/** UCC's form of an input: what a refusal says is brought into view, and an account that is the only one is chosen. */

import RefusalInView from "./defender_refusal_in_view.js";
import { call } from "./defender_web.js";

const ACCOUNTS = "TA_defender_alerts_account";

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

export default class InputForm extends RefusalInView {
    constructor(globalConfig, serviceName, state, mode, util) {
        super();
        this.mode = mode;
        this.util = util;
    }

    /** Called when the form has been made. */
    async onCreate() {
        if (this.mode !== "create") {
            return;
        }
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
