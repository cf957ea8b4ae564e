/** The doctor in the expanded row of an input: a button, and below it the report to read and to save. */

import { LINE, announcement, button, element, icon } from "./defender_elements.js";
import { call } from "./defender_web.js";

const ENDPOINT = "defender_alerts_doctor";
const COMMAND =
    "$SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_doctor.py";
const BROKEN_OFF = 500;
const WORDS = { failed: "Failed", warning: "Warning", ok: "OK", skipped: "Skipped" };
const TO_BE_SEEN = ["failed", "warning"];

/** One check: a block with what was found and what to do, of which the word and the icon tell how it ended. */
function block({ title, outcome, found, advice }) {
    return element(
        "div",
        { role: "listitem", style: { display: "flex", gap: "8px", padding: "8px 0", borderBottom: LINE } },
        icon(outcome),
        element(
            "div",
            { style: { overflowWrap: "anywhere" } },
            element("b", { text: `${WORDS[outcome] || outcome}: ${title}` }),
            element("div", { text: found }),
            ...(advice ? [element("div", {}, element("b", { text: "What to do: " }), document.createTextNode(advice))] : [])
        )
    );
}

function list(label, checks) {
    return element("div", { role: "list", "aria-label": label }, ...checks.map(block));
}

/** The report as text, to be pasted into a ticket: in the order in which it is shown. */
function textOf({ notice, time, inputs }) {
    const lines = [notice, `Made at ${time}`];
    inputs.forEach(({ input, kind, verdict, checks }) => {
        lines.push("", `Input ${input} (${kind})`, verdict);
        ordered(checks).forEach(({ title, outcome, found, advice }) => {
            lines.push(`${WORDS[outcome] || outcome}: ${title}`, `  ${found}`, ...(advice ? [`  -> ${advice}`] : []));
        });
    });
    return `${lines.join("\n")}\n`;
}

/** What failed, what warns, what passed, what was skipped. */
function ordered(checks) {
    return Object.keys(WORDS).flatMap((outcome) => checks.filter((one) => one.outcome === outcome));
}

export default class DefenderDoctor {
    constructor(kind, input) {
        this.kind = kind;
        this.input = input;
        this.button = button("Check this input");
        this.button.addEventListener("click", () => this.check());
        const { said, say } = announcement();
        this.say = say;
        this.report = element("div");
        this.el = element("section", { "aria-label": `Check of ${input}`, style: { margin: "0 0 16px" } }, said, this.report);
    }

    async check() {
        // With `disabled` the button would lose the focus of who came by keyboard.
        if (this.button.getAttribute("aria-disabled") === "true") {
            return;
        }
        this.button.setAttribute("aria-disabled", "true");
        this.report.replaceChildren();
        this.say("status", "Checking, from the settings to a record read from Microsoft…");
        try {
            this.show(await call(ENDPOINT, { query: { kind: this.kind, input: this.input } }));
        } catch (error) {
            this.say("alert", `The check could not be made: ${error.message}`);
            // Below, splunkd has answered, and its sentence says why.
            if (!(error.status < BROKEN_OFF)) {
                this.report.replaceChildren(...this.otherWay());
            }
        }
        this.button.removeAttribute("aria-disabled");
    }

    show(report) {
        const [{ verdict, checks, healthy }] = report.inputs;
        const sorted = ordered(checks);
        const loud = sorted.filter(({ outcome }) => TO_BE_SEEN.includes(outcome));
        const quiet = sorted.filter(({ outcome }) => !TO_BE_SEEN.includes(outcome));
        const skipped = quiet.some(({ outcome }) => outcome === "skipped");
        const worst = healthy ? (loud.length > 0 ? "warning" : "ok") : "failed";
        this.say("status", verdict, worst);
        this.report.replaceChildren(
            element("div", { style: { display: "flex", gap: "8px" } }, this.saving(report), this.copying(report)),
            element("p", { text: report.notice, style: { margin: "8px 0" } }),
            ...(loud.length > 0 ? [list("Failed and warning", loud)] : []),
            element(
                "details",
                { style: { margin: "8px 0" } },
                element("summary", {
                    text: `${quiet.length} checks passed${skipped ? " or were skipped" : ""}`,
                    style: { cursor: "pointer" },
                }),
                list("Passed and skipped", quiet)
            )
        );
    }

    /** The button that saves what the command writes with --json. */
    saving(report) {
        const saving = button("Save the report");
        saving.addEventListener("click", () => {
            const file = new Blob([`${JSON.stringify(report, null, 2)}\n`], { type: "application/json" });
            const address = URL.createObjectURL(file);
            const download = `${this.kind}_${this.input}_${report.time.slice(0, 10)}.json`;
            element("a", { href: address, download }).click();
            setTimeout(() => URL.revokeObjectURL(address), 60000);
        });
        return saving;
    }

    copying(report) {
        const copying = button("Copy");
        copying.addEventListener("click", async () => {
            try {
                await navigator.clipboard.writeText(textOf(report));
                copying.textContent = "Copied";
            } catch (error) {
                // Browsers give the clipboard to pages that came by HTTPS alone.
                copying.textContent = "Not copied: use Save";
            }
        });
        return copying;
    }

    /** Splunk Web waits 30 seconds for an answer; a shell waits for as long as it takes. */
    otherWay() {
        const command = `${COMMAND} --kind ${this.kind} --input ${this.input} --username admin`;
        return [
            element("p", {
                text: "Splunk Web gives up after 30 seconds. At a shell of this host the check takes the time it needs:",
                style: { margin: "0 0 4px" },
            }),
            element("code", { text: command, style: { overflowWrap: "anywhere", userSelect: "all" } }),
        ];
    }
}
