/** What the pages are made of: elements and tables whose texts never become HTML. */

export const LINE = "1px solid rgba(128, 128, 128, 0.4)";
const CELL = { textAlign: "left", verticalAlign: "top", padding: "4px 12px 4px 0", borderBottom: LINE };
const BUTTON = {
    padding: "4px 12px",
    border: "1px solid currentcolor",
    borderRadius: "4px",
    background: "transparent",
    color: "inherit",
    font: "inherit",
    cursor: "pointer",
};
/** A field of a form; its colours are those of the dialog's `colorScheme`. */
export const FIELD = { padding: "4px 8px", border: "1px solid currentcolor", borderRadius: "4px", font: "inherit" };
const HEAD = { ...CELL, whiteSpace: "nowrap" };

const GOOD = "M3 8.5 6.5 12 13 4.5";
const BAD = "M4 4 12 12 M12 4 4 12";
const ATTENTION = "M8 2.5 V9.5 M8 12 V13";
const PAUSE = "M4 8 H12";
const WAITING = "M3 8 H3.2 M8 8 H8.2 M13 8 H13.2";

/**
 * What stands before a word, by state: a drawing and its colour. The word says the same, and is what is read out.
 *
 * Colours of 3:1 at least on white and on the dark theme's background.
 */
const ICONS = {
    collecting: [GOOD, "#2b8a4b"],
    ok: [GOOD, "#2b8a4b"],
    failed: [BAD, "#d9444d"],
    account_missing: [BAD, "#d9444d"],
    unknown: [ATTENTION, "#b87a00"],
    incomplete: [ATTENTION, "#b87a00"],
    late: [ATTENTION, "#b87a00"],
    warning: [ATTENTION, "#b87a00"],
    no_run: [WAITING, "#808a94"],
    loading: [WAITING, "#808a94"],
    inactive: [PAUSE, "#808a94"],
    skipped: [PAUSE, "#808a94"],
};

/** The drawing of a state; nothing is read out of it. */
export function icon(state) {
    const [path, color] = ICONS[state] || ICONS.unknown;
    const namespace = "http://www.w3.org/2000/svg";
    const drawing = document.createElementNS(namespace, "svg");
    const line = document.createElementNS(namespace, "path");
    const drawn = { viewBox: "0 0 16 16", width: "16", height: "16", "aria-hidden": "true", "data-state": state };
    Object.entries(drawn).forEach(([name, value]) => drawing.setAttribute(name, value));
    const stroke = { d: path, stroke: color, "stroke-width": "2.5", "stroke-linecap": "round", fill: "none" };
    Object.entries(stroke).forEach(([name, value]) => line.setAttribute(name, value));
    Object.assign(drawing.style, { flex: "none", marginTop: "2px" });
    drawing.append(line);
    return drawing;
}

/** An element with text and children; text never becomes HTML. */
export function element(name, { text, style, ...attributes } = {}, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    Object.assign(made.style, style || {});
    if (text !== undefined) {
        made.textContent = text;
    }
    made.append(...children);
    return made;
}

/** A text whose dates and the like stay on one line: browsers break lines at each hyphen. */
export function words(text) {
    return text.split(/(\S+-\S+)/).map((part, index) =>
        index % 2 === 1 && part.length < 24
            ? element("span", { text: part, style: { whiteSpace: "nowrap" } })
            : document.createTextNode(part)
    );
}

/** Put children into an element, unless they look like those that are there: a refresh leaves a selection alone. */
export function replaceUnlessSame(parent, ...children) {
    const wanted = element("div", {}, ...children);
    if (wanted.innerHTML !== parent.innerHTML) {
        parent.replaceChildren(...wanted.childNodes);
    }
}

/** A button that looks like its surroundings, light or dark. */
export function button(text, type = "button") {
    return element("button", { type, text, style: BUTTON });
}

/** The button that does what a dialog asks about: it stands out by its colour, the red of a warning unless told. */
export function primaryButton(text, type = "button", background = "#a8323a") {
    const style = { ...BUTTON, border: "1px solid transparent", background, color: "#ffffff" };
    return element("button", { type, text, style });
}

/** A link in the colour of its surroundings, to a page of its own. */
export function link(text, href) {
    return element("a", { href, text, target: "_blank", rel: "noopener", style: { color: "inherit", textDecoration: "underline" } });
}

/**
 * A table under a name that is heard and not seen; `rows` are lists of texts, one for each column.
 *
 * The column called `wide` takes the room that there is; the texts of the others stay on one line.
 */
export function table(label, columns, rows, wide) {
    const styleOf = (index) =>
        columns[index] === wide ? { ...CELL, overflowWrap: "anywhere", width: "60%" } : { ...CELL, whiteSpace: "nowrap" };
    return element(
        "table",
        { "aria-label": label, style: { borderCollapse: "collapse", width: "100%" } },
        element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text, style: HEAD })))),
        element(
            "tbody",
            {},
            ...rows.map((texts) =>
                element("tr", {}, ...texts.map((text, index) => element("td", { text, style: styleOf(index) })))
            )
        )
    );
}

/** A paragraph that is read out when its text changes: `say(role, text)` with "status", or "alert" for what failed. */
export function announcement() {
    const words = element("span");
    const said = element("p", { role: "status", style: { margin: "8px 0", display: "flex", gap: "6px" } }, words);
    const say = (role, text, state = role === "alert" ? "failed" : "") => {
        said.setAttribute("role", role);
        words.textContent = text;
        said.replaceChildren(...(text && state ? [icon(state)] : []), words);
    };
    return { said, say };
}
