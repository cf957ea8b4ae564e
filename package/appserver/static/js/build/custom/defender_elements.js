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
const HEAD = { ...CELL, whiteSpace: "nowrap" };

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

/** A button that looks like its surroundings, light or dark. */
export function button(text, type = "button") {
    return element("button", { type, text, style: BUTTON });
}

/** A table under a name that is heard and not seen; `rows` are lists of texts, one for each column. */
export function table(label, columns, rows) {
    return element(
        "table",
        { "aria-label": label, style: { borderCollapse: "collapse", width: "100%" } },
        element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text, style: HEAD })))),
        element(
            "tbody",
            {},
            ...rows.map((texts) => element("tr", {}, ...texts.map((text) => element("td", { text, style: CELL }))))
        )
    );
}

/** A paragraph that is read out when its text changes: `say(role, text)` with "status", or "alert" for what failed. */
export function announcement() {
    const said = element("p", { role: "status", style: { margin: "8px 0" } });
    const say = (role, text) => {
        said.setAttribute("role", role);
        said.textContent = text;
    };
    return { said, say };
}
