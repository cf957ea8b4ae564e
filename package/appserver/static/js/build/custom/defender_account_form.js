/** UCC's form of an account: what a refusal says is brought into view, and a new account leads on to the inputs. */

import { element, link } from "./defender_elements.js";
import RefusalInView from "./defender_refusal_in_view.js";
import { pageAddress } from "./defender_web.js";

const NOTICE = "defender-next-step";

// The portals of the US government's Entra ID; the others share one.
const PORTALS = { gcc_high: "entra.microsoft.us", dod: "entra.microsoft.us" };
const PERMISSIONS = "#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId";

/** Where the permissions of an account's application are granted. */
function permissionsPage({ cloud, client_id: client = "" }) {
    const portal = PORTALS[cloud] || "entra.microsoft.com";
    return `https://${portal}/${PERMISSIONS}/${encodeURIComponent(client.replace(/[^0-9A-Fa-f-]/g, ""))}`;
}

/** Say what comes next, at the foot of the window: the page behind it is UCC's, and drawn anew at any time. */
function leadOn(account) {
    const before = document.getElementById(NOTICE);
    if (before) {
        before.remove();
    }
    const next = link("Next: create an input", pageAddress("inputs"));
    next.removeAttribute("target");
    const style = {
        position: "fixed",
        bottom: "24px",
        left: "50%",
        transform: "translateX(-50%)",
        padding: "12px 20px",
        borderRadius: "6px",
        background: "#1c2126",
        border: "1px solid #5c6773",
        color: "#ffffff",
        font: "14px sans-serif",
        zIndex: "1000",
    };
    const permissions = link("API permissions of the application", permissionsPage(account));
    document.body.append(element("div", { id: NOTICE, role: "status", style }, next, " \u00b7 ", permissions));
}

export default class AccountForm extends RefusalInView {
    constructor(globalConfig, serviceName, state, mode) {
        super();
        this.mode = mode;
        this.account = {};
    }

    /** Called before the page checks the fields. */
    onSave(fields) {
        this.account = fields || {};
        return super.onSave();
    }

    /** Called when the server has taken what was saved. */
    onSaveSuccess() {
        if (this.mode === "create") {
            leadOn(this.account);
        }
    }
}
