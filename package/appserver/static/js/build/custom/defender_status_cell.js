/** A cell of the inputs table that tells how the input is doing on this host: an icon, a line, and what else to know. */

import "./defender_columns.js";
import { element, icon, replaceUnlessSame, words } from "./defender_elements.js";
import { watch } from "./defender_status.js";

const LONGEST = 90;
const REMARK = { display: "block", fontSize: "smaller", marginLeft: "22px" };

/** As much of a line as a table has room for; the whole sentence is in the expanded row. */
function brief(line) {
    if (line.length <= LONGEST) {
        return line;
    }
    // What is cut is cut between words, unless there are none.
    const cut = line.slice(0, LONGEST);
    const end = cut.lastIndexOf(" ");
    return `${(end > LONGEST / 2 ? cut.slice(0, end) : cut).replace(/[\s(,.:;]+$/, "")}…`;
}

/** What the cell shows of a health: `{ state, word, line }`. */
export function healthLine({ state, word, line }, shorten = brief) {
    const rest = shorten(line).slice(word.length);
    return element(
        "span",
        { style: { display: "flex", gap: "6px", alignItems: "flex-start" } },
        icon(state),
        element("span", {}, element("b", { text: word }), ...words(rest))
    );
}

export default class DefenderStatusCell {
    constructor(globalConfig, serviceName, el, row) {
        this.kind = serviceName;
        this.el = el;
        this.row = row;
        this.watching = false;
    }

    render() {
        if (!this.watching) {
            this.watching = true;
            watch(this.el, this.kind, this.row.name, (status, error) => this.show(status, error));
        }
    }

    show(status, error) {
        this.el.title = "";
        if (error) {
            const health = { state: "unknown", word: "Unknown", line: `Unknown: ${error.message}` };
            replaceUnlessSame(this.el, healthLine(health));
            return;
        }
        if (!status) {
            replaceUnlessSame(this.el, healthLine({ state: "loading", word: "Loading…", line: "Loading…" }));
            return;
        }
        this.el.title = status.health.line.length > LONGEST ? status.health.line : "";
        // Of a missing account the line says so already.
        const told = status.health.state === "account_missing" ? [] : status.remarks.map(({ brief: text }) => text);
        replaceUnlessSame(
            this.el,
            healthLine(status.health),
            ...told.map((text) => element("span", { text, style: REMARK }))
        );
    }
}
