/** A cell of the inputs table that tells how the input is doing on this host. */

import { length, readable, statusOf, whenChanged } from "./defender_status.js";

const NOT_HERE = "not on this host";
const LONGEST = 80;

/** As much of an error as a table has room for; the whole sentence is in the expanded row. */
function brief({ category, sentence }) {
    const text = `${category.replace("_", " ")}: ${sentence}`;
    return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

const SHOWN = {
    status_regions: (status) => status.regions.map((region) => region.region).join(", "),
    status_collected: (status) => (status.here ? readable(status.collected) : NOT_HERE),
    status_lag: (status) => length(status.lag_seconds),
    status_error: (status) => (status.last_error ? brief(status.last_error) : ""),
};

export default class DefenderStatusCell {
    constructor(globalConfig, serviceName, el, row, field) {
        this.kind = serviceName;
        this.el = el;
        this.row = row;
        this.field = field;
        whenChanged(el, () => this.render());
    }

    async render() {
        try {
            const status = await statusOf(this.kind, this.row.name);
            this.el.textContent = SHOWN[this.field](status);
            this.el.title = this.field === "status_error" && status.last_error ? status.last_error.sentence : "";
        } catch (error) {
            this.el.textContent = "unknown";
            this.el.title = error.message;
        }
    }
}
