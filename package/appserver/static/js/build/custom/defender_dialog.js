/**
 * The question before an input starts again: from when, what comes twice or never, and whether it is meant.
 *
 * It stays open until Splunk has taken the order: what was typed is not lost to a refusal.
 */

import { FIELD, announcement, button, element, primaryButton, words } from "./defender_elements.js";
import { modal } from "./defender_modal.js";
import { readable, startAgain } from "./defender_status.js";

const ALL = "";
// So long after the last key the effect of what was typed is asked for.
const PAUSE_MS = 400;

/** What the two buttons order. `from` is what the field for the time begins with; without it there is no such field. */
export const ORDERS = [
    { button: "Reset checkpoint", text: "The next run starts at the input's start time and collects again what Microsoft still has." },
    { button: "Collect again", text: "The next run starts at this time, given in UTC.", from: "-1d" },
];

/** What the order would do, in sentences: `regions` of the endpoint's answer to a preview, of those that were `asked` for. */
function effectOf({ regions, twice }, asked) {
    const said = regions.flatMap(({ region, start, checkpoint, skips }) => {
        if (skips) {
            return [
                `Warning: alerts of ${region} that were last updated between ${readable(checkpoint)} and ${readable(start)} will never be ` +
                    "collected. How many they are is not known: the add-on has not read them yet.",
            ];
        }
        return [`${region}: collects ${readable(start)} to now again${checkpoint ? `; the checkpoint is at ${readable(checkpoint)}` : ""}.`];
    });
    asked
        .filter((one) => !regions.some(({ region }) => region === one))
        .forEach((one) => said.push(`${one}: has no checkpoint yet, and starts at the input's start time anyway.`));
    if (regions.every(({ skips }) => skips)) {
        return said;
    }
    if (twice === null) {
        said.push("How many alerts will be indexed twice could not be counted: all that are indexed since then.");
    } else if (twice === 0) {
        said.push("No event of this time was found here. Those that you can't search here will be indexed twice.");
    } else {
        said.push(`${twice} indexed ${twice === 1 ? "event" : "events"} of this time found here will be indexed twice.`);
    }
    return said;
}

/** The dialog of an order; `done(sentence)` is called once Splunk has taken it. */
export class OrderDialog {
    constructor({ order, kind, input, regions, surroundings, done }) {
        this.order = order;
        this.kind = kind;
        this.input = input;
        this.done = done;
        this.asked = 0;
        this.regions = regions;
        this.region = element(
            "select",
            { name: "region", style: FIELD },
            element("option", { value: ALL, text: "All regions" }),
            ...regions.map((one) => element("option", { value: one, text: one }))
        );
        this.from = order.from && element("input", { name: "from", type: "text", required: "", value: order.from, style: FIELD });
        this.effect = element("div", { role: "status", style: { minHeight: "5em" } });
        const { said, say } = announcement();
        this.say = say;
        this.confirm = primaryButton(order.button, "submit");
        this.dialog = this.made(said, surroundings);
    }

    made(said, surroundings) {
        const cancel = button("Cancel");
        const form = element(
            "form",
            { method: "dialog" },
            element("h2", { text: `${this.order.button}: ${this.input}`, style: { margin: "0 0 8px", fontSize: "18px" } }),
            element("p", { text: this.order.text }),
            ...(this.from
                ? [
                      element("p", {}, element("label", { text: "From " }, this.from), document.createTextNode(" UTC")),
                      element("p", { text: "For example 2026-11-01T00:00:00Z, or -2d for two days ago." }),
                  ]
                : []),
            element("p", {}, element("label", { text: "Region " }, this.region)),
            this.effect,
            said,
            element(
                "div",
                { style: { display: "flex", gap: "8px", justifyContent: "flex-end" } },
                cancel,
                this.confirm
            )
        );
        const dialog = modal(this.order.button, surroundings, form);
        cancel.addEventListener("click", () => dialog.close());
        form.addEventListener("submit", (event) => this.submit(event));
        form.addEventListener("input", () => this.previewSoon());
        return dialog;
    }

    open() {
        document.body.append(this.dialog);
        this.dialog.showModal();
        this.preview();
    }

    wanted() {
        return {
            kind: this.kind,
            input: this.input,
            region: this.region.value,
            from: this.from ? this.from.value : undefined,
        };
    }

    previewSoon() {
        clearTimeout(this.pause);
        this.pause = setTimeout(() => this.preview(), PAUSE_MS);
    }

    /** Show what the order would do, with what is typed now. */
    async preview() {
        this.asked += 1;
        const mine = this.asked;
        this.effect.replaceChildren(element("p", { text: "Counting what is indexed…" }));
        this.say("status", "");
        let shown = [];
        try {
            const wanted = this.wanted();
            const asked = wanted.region === ALL ? this.regions : [wanted.region];
            shown = effectOf(await startAgain({ ...wanted, preview: true }), asked);
        } catch (error) {
            if (mine === this.asked) {
                this.say("alert", error.message);
            }
        }
        if (mine === this.asked) {
            this.effect.replaceChildren(
                ...shown.map((text) => element("p", { style: { margin: "6px 0", fontWeight: text.startsWith("Warning") ? "bold" : "" } }, ...words(text)))
            );
        }
    }

    async submit(event) {
        event.preventDefault();
        clearTimeout(this.pause);
        this.asked += 1;
        this.effect.replaceChildren();
        this.confirm.disabled = true;
        this.say("status", "Ordering…");
        try {
            const { regions, start } = await startAgain(this.wanted());
            this.dialog.close();
            this.done(`The next run of ${regions.join(", ")} starts at ${readable(start)}.`);
        } catch (error) {
            this.say("alert", error.message);
        }
        this.confirm.disabled = false;
    }
}
