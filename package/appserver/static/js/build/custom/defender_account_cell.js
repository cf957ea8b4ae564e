/** The cell of the accounts table that tells which inputs an account can feed: a line for each sentence, with an icon. */

import "./defender_columns.js";
import { element, icon, replaceUnlessSame } from "./defender_elements.js";

/** The states of icons, by how a sentence begins. */
const STATES = [
    ["Can feed none", "failed"],
    ["Can feed", "ok"],
    ["Missing", "warning"],
];

function line(sentence) {
    const [, state] = STATES.find(([beginning]) => sentence.startsWith(beginning)) || [];
    return element(
        "div",
        { style: { display: "flex", gap: "6px", alignItems: "flex-start" } },
        ...(state ? [icon(state)] : []),
        element("span", { text: sentence })
    );
}

export default class DefenderAccountCell {
    constructor(globalConfig, serviceName, el, row, field) {
        this.el = el;
        this.row = row;
        this.field = field;
    }

    render(row) {
        const text = String((row || this.row)[this.field] || "");
        // A sentence ends before a capital letter: the names of permissions have full stops of their own.
        const sentences = text.split(/(?<=\.) (?=[A-Z])/);
        replaceUnlessSame(this.el, ...sentences.map(line));
    }
}
