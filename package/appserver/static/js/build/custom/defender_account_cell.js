/**
 * The cell of the accounts table that tells which inputs an account can feed: a line for each sentence, with an icon. Of
 * an account with which a person signs in, also who that is, with the buttons to sign in and out.
 */

import { accountLines } from "./defender_account_lines.js";
import "./defender_columns.js";
import { button, element, replaceUnlessSame } from "./defender_elements.js";
import { SignInDialog, SignOutDialog, watchAccount } from "./defender_sign_in.js";

/** Rows as they are since a sign-in or sign-out, by the text of what UCC's table (6.6) still has. */
const since = new Map();

export default class DefenderAccountCell {
    constructor(globalConfig, serviceName, el, row, field) {
        this.el = el;
        this.given = row;
        this.field = field;
        this.lines = element("div");
        this.buttons = element("div", { style: { display: "flex", gap: "8px" } });
        el.replaceChildren(this.lines, this.buttons);
    }

    render(row) {
        this.given = row || this.given;
        this.show(since.get(JSON.stringify(this.given)) || this.given);
    }

    changed(row) {
        since.set(JSON.stringify(this.given), row);
        this.show(row);
    }

    show(row) {
        this.row = row;
        replaceUnlessSame(this.lines, ...accountLines(String(this.row[this.field] || "")));
        if (this.row.auth_type === "user") {
            watchAccount(this.el, this.row.name, (changed) => this.changed(changed));
            this.offer(this.row.signed_in_as ? ["Sign in again", "Sign out"] : ["Sign in"]);
        } else {
            this.offer([]);
        }
    }

    /** Offer these buttons; those that are there stay, and keep the focus of who came by keyboard. */
    offer(wanted) {
        const there = [...this.buttons.children].map(({ textContent }) => textContent);
        if (there.join() === wanted.join()) {
            return;
        }
        this.buttons.style.margin = wanted.length > 0 ? "8px 0 4px" : "";
        this.buttons.replaceChildren(
            ...wanted.map((text) => {
                const pressed = button(text);
                pressed.setAttribute("aria-label", `${text}: ${this.row.name}`);
                pressed.addEventListener("click", () => this.ask(text === "Sign out" ? SignOutDialog : SignInDialog));
                return pressed;
            })
        );
    }

    ask(Dialog) {
        new Dialog({ account: this.row.name, surroundings: this.el }).open();
    }
}
