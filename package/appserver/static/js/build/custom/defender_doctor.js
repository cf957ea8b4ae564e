/** The doctor in the expanded row of an input: a button, and below it the report to read and to save. */

import { announcement, button, element, table } from "./defender_elements.js";
import { call } from "./defender_web.js";

const ENDPOINT = "defender_alerts_doctor";
const COLUMNS = ["Check", "About", "Outcome", "Found", "What to do"];
const COMMAND =
    "$SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_doctor.py";
const BROKEN_OFF = 500;

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
        const [{ verdict, checks }] = report.inputs;
        const rows = checks.map((one) => [one.check, one.subject, one.outcome, one.found, one.advice]);
        this.say("status", verdict);
        this.report.replaceChildren(
            table(`Checks of ${this.input}`, COLUMNS, rows),
            element("p", { text: report.notice, style: { margin: "8px 0" } }),
            this.saving(report)
        );
    }

    /** The link that saves what the command writes with --json. */
    saving(report) {
        const file = new Blob([`${JSON.stringify(report, null, 2)}\n`], { type: "application/json" });
        const day = report.time.slice(0, 10);
        return element("a", {
            href: URL.createObjectURL(file),
            download: `${this.kind}_${this.input}_${day}.json`,
            text: "Save the report",
        });
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
