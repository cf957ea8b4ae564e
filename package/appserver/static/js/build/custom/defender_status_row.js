/**
 * The expanded row of an input: how it and each of its regions are doing on this host, the ways on from here, its
 * settings.
 */

import { OrderDialog, ORDERS } from "./defender_dialog.js";
import DefenderDoctor from "./defender_doctor.js";
import { announcement, button, element, link, replaceUnlessSame, table } from "./defender_elements.js";
import { length, readable, watch } from "./defender_status.js";
import { healthLine } from "./defender_status_cell.js";
import { searchAddress } from "./defender_web.js";

const ERROR = "Last error";
const NEVER_RAN =
    "This input has not run on this host yet. If it still has not when its interval has passed, look into its log. " +
    "Inputs of a heavy forwarder show their status on that host's own Inputs page.";

/** The searches that lead on from an input, by the words of their links. */
function searches(kind, name) {
    return {
        "Alerts of this input": `\`defender_alerts_index\` source="${kind}:*:*:${name}"`,
        Log: `index=_internal source="*ta_defender_alerts_${kind}_${name}.log*"`,
    };
}

export default class DefenderStatusRow {
    constructor(globalConfig, serviceName, el, row) {
        this.kind = serviceName;
        this.row = row;
        this.regions = [];
        this.el = el;
        this.states = element("div");
        const { said, say } = announcement();
        this.say = say;
        const doctor = new DefenderDoctor(serviceName, row.name);
        const links = element(
            "nav",
            { "aria-label": `Searches of ${row.name}`, style: { display: "flex", gap: "16px", margin: "8px 0" } },
            ...Object.entries(searches(serviceName, row.name)).map(([text, search]) => link(text, searchAddress(search)))
        );
        this.orders = element("div", { style: { display: "none", gap: "8px" } });
        ORDERS.forEach((order) => {
            const pressed = button(order.button);
            pressed.addEventListener("click", () => this.ask(order));
            this.orders.append(pressed);
        });
        const buttons = element(
            "div",
            { style: { display: "flex", flexWrap: "wrap", gap: "8px", margin: "8px 0 16px" } },
            doctor.button,
            this.orders
        );
        this.settings = element("dl", {
            style: { display: "grid", gridTemplateColumns: "minmax(120px, 250px) 1fr", gap: "4px 8px", margin: "0" },
        });
        el.append(this.states, links, said, buttons, doctor.el, this.settings);
        watch(el, serviceName, row.name, (status, error) => this.show(status, error));
    }

    render(row, moreInfo) {
        this.row = row;
        const shown = (moreInfo || []).filter(({ field }) => row[field] !== undefined && row[field] !== "");
        this.settings.replaceChildren(
            ...shown.flatMap(({ field, label, mapping }) => {
                const value = String(row[field]);
                const text = (mapping && mapping[value]) || value;
                return [
                    element("dt", { text: label, style: { fontWeight: "bold" } }),
                    element("dd", { text, style: { margin: "0", overflowWrap: "anywhere" } }),
                ];
            })
        );
    }

    show(status, error) {
        if (error) {
            const text = `The status can't be shown: ${error.message}`;
            replaceUnlessSame(this.states, element("p", { role: "alert", text }));
        } else if (!status) {
            replaceUnlessSame(this.states, element("p", { text: "Loading…" }));
        } else {
            this.regions = status.regions.map(({ region }) => region);
            this.orders.style.display = status.here ? "flex" : "none";
            replaceUnlessSame(this.states, ...this.statesOf(status));
        }
    }

    statesOf(status) {
        const said = [
            element("div", { style: { margin: "0 0 8px" } }, healthLine(status.health, (line) => line)),
            ...status.remarks.map(({ sentence }) => element("p", { text: sentence, style: { margin: "0 0 8px" } })),
        ];
        if (!status.here) {
            return status.enabled ? [...said, element("p", { text: NEVER_RAN })] : said;
        }
        const restarts = status.regions.some(({ restart }) => restart);
        const columns = ["Region", "Last success", "Collected up to", "Lag", ERROR];
        const rows = status.regions.map((one) => [
            one.region,
            readable(one.collected),
            one.watermark ? readable(one.watermark) : "",
            length(one.lag_seconds),
            one.last_error ? `${readable(one.last_error.time)}: ${one.last_error.sentence}` : "",
            ...(restarts ? [one.restart ? readable(one.restart) : ""] : []),
        ]);
        const whole = status.last_error && !status.regions.some((one) => one.last_error && one.last_error.time === status.last_error.time);
        if (restarts) {
            columns.push("Next run starts at");
        }
        const states = table(`Status of ${this.row.name}`, columns, rows, ERROR);
        return whole
            ? [...said, states, element("p", { text: `${readable(status.last_error.time)}: ${status.last_error.sentence}` })]
            : [...said, states];
    }

    /** Ask whether it is meant, and for what. */
    ask(order) {
        this.say("status", "");
        new OrderDialog({
            order,
            kind: this.kind,
            input: this.row.name,
            regions: this.regions,
            surroundings: this.el,
            done: (sentence) => this.say("status", sentence, "ok"),
        }).open();
    }
}
