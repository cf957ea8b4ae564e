/**
 * The dialogs in which a person signs in for an account, and out again.
 *
 * Microsoft's page opens in a tab of its own and ends at an address that does not load: it is pasted here, and Splunk
 * redeems it. What comes of it, the tokens, never reaches the browser.
 */

import { accountLines } from "./defender_account_lines.js";
import { FIELD, announcement, button, element, link, primaryButton } from "./defender_elements.js";
import { modal } from "./defender_modal.js";
import { call, pageAddress } from "./defender_web.js";

const ENDPOINT = "defender_alerts_sign_in";
const ACCOUNTS = "TA_defender_alerts_account";
const REDIRECT_URI = "http://localhost";
const BLUE = "#0b6bb8";
const MINUTE = 60;

/** Those who want to be told of an account that has changed, as [element, name, callback]: until it has left the page. */
let watchers = [];

/** Tell `callback` of the account's row, as the table would show it now, after each sign-in and sign-out. */
export function watchAccount(shown, name, callback) {
    watchers = [...watchers.filter(([one]) => one.isConnected && one !== shown), [shown, name, callback]];
}

/** The row of an account as the table would show it now. */
export async function accountRow(name) {
    const { entry } = await call(`${ACCOUNTS}/${encodeURIComponent(name)}`);
    return { ...entry[0].content, name };
}

function told(row) {
    watchers.filter(([shown, name]) => shown.isConnected && name === row.name).forEach(([, , callback]) => callback(row));
}

/** What both dialogs are: a heading, what is said, two buttons. */
class AccountDialog {
    constructor({ account, title, does, surroundings }) {
        this.account = account;
        this.does = does;
        const { said, say } = announcement();
        this.said = said;
        this.say = say;
        this.cancel = button("Cancel");
        this.confirm = primaryButton(does, "submit", BLUE);
        this.buttons = element(
            "div",
            { style: { display: "flex", gap: "8px", justifyContent: "flex-end", marginTop: "12px" } },
            this.cancel,
            this.confirm
        );
        this.form = element("form", { method: "dialog" });
        this.heading = element("h2", { text: `${title}: ${account}`, style: { margin: "0 0 8px", fontSize: "18px" } });
        this.dialog = modal(`${title}: ${account}`, surroundings, this.form);
        this.cancel.addEventListener("click", () => this.dialog.close());
        this.form.addEventListener("submit", (event) => this.submit(event));
    }

    open() {
        this.form.replaceChildren(this.heading, ...this.body(), this.said, this.buttons);
        document.body.append(this.dialog);
        this.dialog.showModal();
    }

    /** Ask the endpoint; fails with a sentence. */
    order(action, more = {}) {
        return call(ENDPOINT, { form: { action, account: this.account, ...more } });
    }

    async submit(event) {
        event.preventDefault();
        // With `disabled` the button would lose the focus of who came by keyboard.
        if (this.confirm.getAttribute("aria-disabled") === "true") {
            return;
        }
        this.confirm.setAttribute("aria-disabled", "true");
        try {
            await this.carryOut();
        } catch (error) {
            this.say("alert", error.message);
        }
        this.confirm.removeAttribute("aria-disabled");
    }
}

export class SignInDialog extends AccountDialog {
    constructor({ account, surroundings }) {
        super({ account, title: "Sign in", does: "Finish", surroundings });
        this.uri = element("code", { text: REDIRECT_URI, style: { userSelect: "all" } });
        this.page = button("Open Microsoft's page");
        this.page.addEventListener("click", () => this.begin());
        this.opened = element("span", { role: "status" });
        this.address = element("input", {
            name: "address",
            type: "text",
            required: "",
            autocomplete: "off",
            spellcheck: "false",
            style: { ...FIELD, width: "100%", boxSizing: "border-box", marginTop: "4px" },
        });
    }

    body() {
        const step = (...children) => element("li", { style: { margin: "0 0 12px" } }, ...children);
        return [
            element("p", {
                text: "The account's inputs will see what the person who signs in may see, and nothing else.",
                style: { margin: "0 0 12px" },
            }),
            element(
                "ol",
                { style: { margin: "0", paddingLeft: "20px" } },
                step(
                    document.createTextNode("In Entra ID, under Authentication, the application has the redirect URI "),
                    this.uri,
                    document.createTextNode(", of the platform Web. Never of SPA: its sign-ins end after a day.")
                ),
                step(element("div", {}, this.page), this.opened),
                step(
                    element(
                        "label",
                        {},
                        document.createTextNode(
                            "Your browser ends on a page at localhost that can't be reached. Copy the whole address from its address bar, and paste it here:"
                        ),
                        this.address
                    )
                )
            ),
        ];
    }

    /** Open Microsoft's page. Each time is a new sign-in, as an address is good for one. */
    async begin() {
        // Browsers let a page open another one only while a click is being handled.
        const tab = window.open("about:blank", "_blank");
        this.say("status", "");
        try {
            const { url, redirect_uri: uri, expires_in: seconds } = await this.order("start");
            this.uri.textContent = uri;
            if (tab) {
                tab.opener = null;
                tab.location.replace(url);
            }
            this.opened.replaceChildren(
                document.createTextNode(`Sign in there within ${Math.floor(seconds / MINUTE)} minutes. `),
                link("If no page has opened, open it here.", url)
            );
        } catch (error) {
            if (tab) {
                tab.close();
            }
            this.opened.replaceChildren();
            this.say("alert", error.message);
        }
    }

    async carryOut() {
        this.say("status", "Signing in…");
        const { signed_in_as: person, check } = await this.order("finish", { address: this.address.value.trim() });
        this.end(person, check.feeds);
        try {
            told(await accountRow(this.account));
        } catch (error) {
            // The row is as it was until the page is reloaded.
        }
    }

    /** Leave nothing but what has come of it, and the ways on. */
    end(person, found) {
        const next = link("Next: create an input", pageAddress("inputs"));
        next.removeAttribute("target");
        next.style.padding = "5px 12px";
        this.cancel.textContent = "Close";
        this.buttons.replaceChildren(next, this.cancel);
        this.form.replaceChildren(this.heading, this.said, element("div", {}, ...accountLines(found)), this.buttons);
        this.say("status", `Signed in as ${person}.`, "ok");
        this.cancel.focus();
    }
}

export class SignOutDialog extends AccountDialog {
    constructor({ account, surroundings }) {
        super({ account, title: "Sign out", does: "Sign out", surroundings });
    }

    body() {
        return [
            element("p", {
                text: "Splunk deletes the stored sign-in. The account's inputs collect nothing until somebody signs in again, and go on then where they stopped.",
            }),
            element("p", {
                text: "At Microsoft a sign-in stays good until the person's sessions are revoked in Entra ID.",
            }),
        ];
    }

    async carryOut() {
        this.say("status", "Signing out…");
        await this.order("forget");
        told(await accountRow(this.account));
        this.dialog.close();
    }
}
