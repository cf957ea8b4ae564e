/**
 * Scrolls to the sentence with which a form refuses what was saved.
 *
 * UCC's forms show it above the first field, and the button stands below the last one: in a long form nothing seems to
 * happen. A hook of UCC's forms (6.6): it is told that saving begins, before the page itself checks the fields, and that
 * the server has refused. Of a session that has ended UCC says "Unauthorized"; then it says what to do.
 */

import { APP, SESSION_ENDED, call } from "./defender_web.js";

const REFUSAL = '[data-test="message"][data-test-type="error"]';
// The page shows the sentence a few frames after it has called.
const LONGEST_MS = 1000;

/** Scroll to the refusal as soon as there is one; a dialog's own goes before the page's behind it. */
function bringIntoView(until) {
    const form = document.querySelector('[role="dialog"]') || document;
    const refusal = form.querySelector(REFUSAL);
    if (refusal) {
        refusal.scrollIntoView({ block: "center" });
    } else if (performance.now() < until) {
        requestAnimationFrame(() => bringIntoView(until));
    }
}

function soon() {
    requestAnimationFrame(() => bringIntoView(performance.now() + LONGEST_MS));
}

export default class RefusalInView {
    constructor(globalConfig, serviceName, state, mode, util) {
        this.util = util;
    }

    /** Called before the page checks the fields; what it returns lets the saving go on. */
    onSave() {
        soon();
        return true;
    }

    /** Called when the server has refused. */
    async onSaveFail() {
        soon();
        try {
            await call(`${APP}_settings/logging`);
        } catch (error) {
            if (error.status === SESSION_ENDED) {
                this.util.setErrorMsg(error.message);
            }
        }
    }
}
