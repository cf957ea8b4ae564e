/** UCC's form of an account: what a refusal says is brought into view, and a new account leads on to the inputs. */

import { element, link } from "./defender_elements.js";
import RefusalInView from "./defender_refusal_in_view.js";
import { pageAddress } from "./defender_web.js";

const NOTICE = "defender-next-step";

/** Say what comes next, at the foot of the window: the page behind it is UCC's, and drawn anew at any time. */
function leadOn() {
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
    document.body.append(element("div", { id: NOTICE, role: "status", style }, next));
}

export default class AccountForm extends RefusalInView {
    constructor(globalConfig, serviceName, state, mode) {
        super();
        this.mode = mode;
    }

    /** Called when the server has taken what was saved. */
    onSaveSuccess() {
        if (this.mode === "create") {
            leadOn();
        }
    }
}
