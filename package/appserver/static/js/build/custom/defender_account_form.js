/**
 * UCC's form of an account: what a refusal says is brought into view, and a new account leads on to the inputs, or first
 * to the sign-in where a person has to.
 */

import { element, link } from "./defender_elements.js";
import EditForm from "./defender_edit_form.js";
import { SignInDialog, accountRow } from "./defender_sign_in.js";
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
function leadOn(account, next) {
    const before = document.getElementById(NOTICE);
    if (before) {
        before.remove();
    }
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
    const notice = element("div", { id: NOTICE, role: "status", style }, next);
    // A managed identity with permissions of its own has no such page.
    if (account.client_id) {
        notice.append(" \u00b7 ", link("API permissions of the application", permissionsPage(account)));
    }
    document.body.append(notice);
}

function toTheInputs() {
    const next = link("Next: create an input", pageAddress("inputs"));
    next.removeAttribute("target");
    return next;
}

/** The dialog is as light or dark as the table behind it. */
function toTheSignIn(account) {
    const look = { background: "none", border: "none", padding: "0", color: "inherit", font: "inherit" };
    const style = { ...look, textDecoration: "underline", cursor: "pointer" };
    const next = element("button", { type: "button", text: "Next: sign in", style });
    next.addEventListener("click", () => {
        const surroundings = document.querySelector('[data-test="main-table"]') || document.body;
        document.getElementById(NOTICE).remove();
        new SignInDialog({ account: account.name, surroundings }).open();
    });
    return next;
}

export default class AccountForm extends EditForm {
    constructor(globalConfig, serviceName, state, mode, util) {
        super(globalConfig, serviceName, state, mode, util);
        this.account = {};
    }

    /** Called before the page checks the fields. */
    onSave(fields) {
        this.account = fields || {};
        return super.onSave(fields);
    }

    /** Called when the server has taken what was saved. */
    async onSaveSuccess() {
        if (this.account.auth_type === "user") {
            await this.leadToTheSignIn();
        } else if (this.mode === "create") {
            leadOn(this.account, toTheInputs());
        }
    }

    async leadToTheSignIn() {
        try {
            const { signed_in_as: person } = await accountRow(this.account.name);
            if (!person) {
                leadOn(this.account, toTheSignIn(this.account));
            }
        } catch (error) {
            // The table has the button, and says why if it can't be read.
        }
    }
}
