/** The expanded row of an input: how each of its regions is doing on this host, the way to start again, its settings. */

import { element, length, readable, startAgain, statusOf, whenChanged } from "./defender_status.js";

const COLUMNS = ["Region", "Last success", "Collected up to", "Lag", "Seen in overlap", "Next run starts at", "Last error"];
const LINE = "1px solid rgba(128, 128, 128, 0.4)";
const CELL = { textAlign: "left", verticalAlign: "top", padding: "4px 12px 4px 0", borderBottom: LINE };
const HEAD = { ...CELL, whiteSpace: "nowrap" };
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
        this.said = element("p", { role: "status", style: { margin: "8px 0" } });
        this.buttons = element("div", { style: { display: "flex", gap: "8px", margin: "8px 0 16px" } });
        this.settings = element("dl", {
            style: { display: "grid", gridTemplateColumns: "250px 1fr", gap: "4px 8px", margin: "0" },
        });
        ORDERS.forEach((order) => {
            const button = element("button", { type: "button", text: order.button });
            button.addEventListener("click", () => this.ask(order));
            this.buttons.append(button);
        });
        this.el = el;
        el.append(this.states, this.said, this.buttons, this.settings);
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
        const whole = status.error && !status.regions.some((one) => one.error && one.error.time === status.error.time);
        const head = element("tr", {}, ...COLUMNS.map((text) => element("th", { scope: "col", text, style: HEAD })));
        const rows = status.regions.map((one) =>
            element(
                "tr",
                {},
                ...[
                    one.region,
                    readable(one.collected),
                    one.watermark ? readable(one.watermark) : "",
                    length(one.lag_seconds),
                    one.seen === null ? "" : String(one.seen),
                    one.restart ? readable(one.restart) : "",
                    one.error ? `${readable(one.error.time)}: ${one.error.sentence}` : "",
                ].map((text) => element("td", { text, style: CELL }))
            )
        );
        const table = element(
            "table",
            { "aria-label": `Status of ${this.row.name}`, style: { borderCollapse: "collapse", width: "100%" } },
            element("thead", {}, head),
            element("tbody", {}, ...rows)
        );
        return whole
            ? [table, element("p", { text: `${readable(status.error.time)}: ${status.error.sentence}` })]
            : [table];
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
        const confirm = element("button", { type: "submit", text: order.button });
        const cancel = element("button", { type: "button", text: "Cancel" });
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
        this.said.textContent = "";
        try {
            const ordered = await startAgain({ kind: this.kind, input: this.row.name, region, from });
            this.say("status", `The next run of ${ordered.regions.join(", ")} starts at ${readable(ordered.start)}.`);
        } catch (error) {
            this.say("alert", error.message);
        }
    }

    say(role, text) {
        this.said.setAttribute("role", role);
        this.said.textContent = text;
    }
}
