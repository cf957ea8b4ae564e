/** What an account can feed, and who is signed in for it: a line for each sentence, with an icon. */

import { element, icon } from "./defender_elements.js";

/** The states of icons, by how a sentence begins. */
const STATES = [
    ["Can feed none", "failed"],
    ["Can feed", "ok"],
    ["Missing", "warning"],
    ["Not signed in", "failed"],
    ["Signed in as", "ok"],
    ["Inputs see only", "warning"],
    ["The sign-in", "failed"],
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

/** The lines of a text. A sentence ends before a capital letter: names of permissions have full stops of their own. */
export function accountLines(text) {
    return text.split(/(?<=\.) (?=[A-Z])/).map(line);
}
