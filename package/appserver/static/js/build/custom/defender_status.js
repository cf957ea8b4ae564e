/**
 * The status of the inputs on this host, for the cells and the rows of the Inputs page.
 *
 * Every cell of the table wants it at once: they share one answer. Whatever comes from it is shown as text, never as
 * HTML.
 */

import { call } from "./defender_web.js";

const ENDPOINT = "defender_alerts_status";
const FRESH_MS = 5000;
const CHANGED = "defender-alerts-status-changed";

let shared = null;
let asked = 0;

/** The status of one input: a promise, which fails with a sentence. */
export async function statusOf(kind, name) {
    if (shared === null || Date.now() - asked > FRESH_MS) {
        asked = Date.now();
        shared = call(ENDPOINT);
    }
    const { inputs } = await shared;
    const found = inputs.find((one) => one.kind === kind && one.name === name);
    if (!found) {
        // It was added after the answer that is shared.
        asked = 0;
    }
    return found || { here: false, regions: [], last_error: null };
}

/** Order that an input starts again; `from` undefined means at its start time. Fails with a sentence. */
export async function startAgain({ kind, input, region, from }) {
    const form = { kind, input, region };
    if (from !== undefined) {
        form.from = from;
    }
    const ordered = await call(ENDPOINT, { form });
    shared = null;
    document.dispatchEvent(new CustomEvent(CHANGED));
    return ordered;
}

/** Call back whenever somebody has ordered something on this page, until `element` has left it. */
export function whenChanged(element, callback) {
    const listener = () => {
        if (element.isConnected) {
            callback();
        } else {
            document.removeEventListener(CHANGED, listener);
        }
    };
    document.addEventListener(CHANGED, listener);
}

/** A time as people read it; the seven digits of the answer are for machines. */
export function readable(time) {
    return time ? `${time.slice(0, 10)} ${time.slice(11, 19)} UTC` : "never";
}

/** A length of time in the largest unit that leaves two digits. */
export function length(seconds) {
    if (seconds === null || seconds === undefined) {
        return "";
    }
    const units = [
        [86400, "d"],
        [3600, "h"],
        [60, "min"],
    ];
    const [size, unit] = units.find(([one]) => seconds >= 2 * one) || [1, "s"];
    return `${Math.floor(seconds / size)} ${unit}`;
}
