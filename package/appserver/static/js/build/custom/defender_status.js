/**
 * The status of the inputs on this host, for the cells and the rows of the Inputs page.
 *
 * Every cell of the table wants it at once: they share one answer, which is asked for again every 30 seconds while the
 * page can be seen. Whatever comes from it is shown as text, never as HTML.
 */

import { call } from "./defender_web.js";

const ENDPOINT = "defender_alerts_status";
const EVERY_MS = 30000;
// Cells appear by the dozen; one question is enough for those of a moment.
const MOMENT_MS = 50;

/** Those who want to be told, as [element, callback]: until their element has left the page. */
let watchers = [];
let latest = null;
let planned = null;
let asked = 0;

function living() {
    watchers = watchers.filter(([element]) => element.isConnected);
    return watchers;
}

async function ask() {
    planned = null;
    asked += 1;
    const mine = asked;
    let answer;
    try {
        answer = { inputs: (await call(ENDPOINT)).inputs };
    } catch (error) {
        answer = { error };
    }
    // Somebody has asked again since: what is on its way is newer.
    if (mine === asked) {
        latest = answer;
        living().forEach(([, callback]) => callback(answer));
    }
}

/** Ask for a new answer; all who watch are told of it. */
export function refresh() {
    if (planned === null) {
        planned = setTimeout(ask, MOMENT_MS);
    }
}

setInterval(() => {
    if (document.visibilityState === "visible" && living().length > 0) {
        refresh();
    }
}, EVERY_MS);
document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && living().length > 0) {
        refresh();
    }
});

/**
 * Tell `callback` of an input's status: `(status, error)`, both null while nothing is known of it yet.
 *
 * A cell is made anew when its row has changed, so each new one asks again.
 */
export function watch(element, kind, name, callback) {
    const tell = (answer) => {
        const { inputs, error } = answer || {};
        const found = inputs && inputs.find((one) => one.kind === kind && one.name === name);
        callback(found || null, error || null);
    };
    watchers = [...watchers.filter(([one]) => one !== element), [element, tell]];
    tell(latest);
    refresh();
}

/** Order that an input starts again; `from` undefined means at its start time. Fails with a sentence. */
export async function startAgain({ kind, input, region, from, preview }) {
    const form = { kind, input, region };
    if (from !== undefined) {
        form.from = from;
    }
    if (preview) {
        form.preview = "1";
    }
    const ordered = await call(ENDPOINT, { form });
    if (!preview) {
        refresh();
    }
    return ordered;
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
