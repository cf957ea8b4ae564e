/** The cell of the accounts table that tells which inputs an account can feed: a line for each sentence. */

import "./defender_columns.js";
import { element, replaceUnlessSame } from "./defender_elements.js";

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
        replaceUnlessSame(this.el, ...sentences.map((sentence) => element("div", { text: sentence })));
    }
}
