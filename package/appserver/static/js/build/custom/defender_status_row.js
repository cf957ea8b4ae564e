/**
 * The expanded row of an input: how each of its regions is doing on this host, the way to start again, the doctor, its
 * settings.
 */

import DefenderDoctor from "./defender_doctor.js";
import { LINE, announcement, button, element, table } from "./defender_elements.js";
import { length, readable, startAgain, statusOf, whenChanged } from "./defender_status.js";

const COLUMNS = ["Region", "Last success", "Collected up to", "Lag", "Seen in overlap", "Next run starts at", "Last error"];
const ALL = "";

/** What the two buttons order. `from` is what the field for the time begins with; without it there is no such field. */
const ORDERS = [
    {
        button: "Reset checkpoint",
        text:
            "The next run starts at the input's start time and collects again what Microsoft still has: " +
            "what is indexed since then is indexed twice.",
    },
    {
        button: "Collect again from",
        text:
            "The next run starts at this time. What is indexed since then is indexed twice; what lies between the " +
            "checkpoint and a later time is left out.",
        from: "-1d",
    },
];

export default class DefenderStatusRow {
    constructor(globalConfig, serviceName, el, row) {
        this.kind = serviceName;
        this.row = row;
        this.states = element("div");
        const { said, say } = announcement();
        this.say = say;
        const doctor = new DefenderDoctor(serviceName, row.name);
        this.buttons = element("div", { style: { display: "flex", gap: "8px", margin: "8px 0 16px" } });
        this.settings = element("dl", {
            style: { display: "grid", gridTemplateColumns: "250px 1fr", gap: "4px 8px", margin: "0" },
        });
        ORDERS.forEach((order) => {
            const pressed = button(order.button);
            pressed.addEventListener("click", () => this.ask(order));
            this.buttons.append(pressed);
        });
        this.buttons.append(doctor.button);
        this.el = el;
        el.append(this.states, said, this.buttons, doctor.el, this.settings);
        this.regions = [];
        this.shown = this.showStates();
        whenChanged(el, () => {
            this.shown = this.showStates();
        });
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
                    element("dd", { text, style: { margin: "0" } }),
                ];
            })
        );
    }

    async showStates() {
        try {
            const status = await statusOf(this.kind, this.row.name);
            this.regions = status.regions.map((region) => region.region);
            this.states.replaceChildren(...this.statesOf(status));
        } catch (error) {
            this.states.replaceChildren(
                element("p", { role: "alert", text: `The status can't be shown: ${error.message}` })
            );
        }
    }

    statesOf(status) {
        if (!status.here) {
            return [
                element("p", {
                    text:
                        "not on this host: this input has never run here. Where it runs, as on a heavy forwarder, " +
                        "this page shows its status.",
                }),
            ];
        }
        const whole = status.last_error && !status.regions.some((one) => one.last_error && one.last_error.time === status.last_error.time);
        const rows = status.regions.map((one) => [
            one.region,
            readable(one.collected),
            one.watermark ? readable(one.watermark) : "",
            length(one.lag_seconds),
            one.seen === null ? "" : String(one.seen),
            one.restart ? readable(one.restart) : "",
            one.last_error ? `${readable(one.last_error.time)}: ${one.last_error.sentence}` : "",
        ]);
        const states = table(`Status of ${this.row.name}`, COLUMNS, rows);
        return whole
            ? [states, element("p", { text: `${readable(status.last_error.time)}: ${status.last_error.sentence}` })]
            : [states];
    }

    /** Ask whether it is meant, and for what. */
    async ask(order) {
        // The regions are offered as soon as they are known.
        await this.shown;
        const heading = element("h2", { text: `${order.button}: ${this.row.name}`, style: { margin: "0 0 8px" } });
        const region = element(
            "select",
            { name: "region" },
            element("option", { value: ALL, text: "All regions" }),
            ...this.regions.map((one) => element("option", { value: one, text: one }))
        );
        const from = order.from && element("input", { name: "from", type: "text", required: "", value: order.from });
        const confirm = button(order.button, "submit");
        const cancel = button("Cancel");
        const form = element(
            "form",
            { method: "dialog" },
            heading,
            element("p", { text: order.text }),
            element("p", {}, element("label", { text: "Region " }, region)),
            ...(from
                ? [element("p", {}, element("label", { text: "Time (2026-11-01T00:00:00Z, or -2d) " }, from))]
                : []),
            element("div", { style: { display: "flex", gap: "8px", justifyContent: "flex-end" } }, cancel, confirm)
        );
        const dialog = element("dialog", { "aria-label": order.button, style: { maxWidth: "560px", ...this.look() } }, form);
        cancel.addEventListener("click", () => dialog.close());
        dialog.addEventListener("close", () => dialog.remove());
        form.addEventListener("submit", () => this.order(region.value, from ? from.value : undefined));
        document.body.append(dialog);
        dialog.showModal();
    }

    /** The page's own letters, and light or dark as its text is dark or light. */
    look() {
        const { color, fontFamily, fontSize } = getComputedStyle(this.el);
        const [red, green, blue] = (color.match(/[\d.]+/g) || []).map(Number);
        const isDark = red + green + blue > 3 * 128;
        return { fontFamily, fontSize, border: LINE, colorScheme: isDark ? "dark" : "light" };
    }

    async order(region, from) {
        this.say("status", "");
        try {
            const ordered = await startAgain({ kind: this.kind, input: this.row.name, region, from });
            this.say("status", `The next run of ${ordered.regions.join(", ")} starts at ${readable(ordered.start)}.`);
        } catch (error) {
            this.say("alert", error.message);
        }
    }
}
