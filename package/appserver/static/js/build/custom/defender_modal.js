/** The frame of the add-on's own dialogs, light or dark as the page is. */

import { LINE, element } from "./defender_elements.js";

/** The page's own letters, and light or dark as its text is dark or light. */
function lookOf(surroundings) {
    const { color, fontFamily, fontSize } = getComputedStyle(surroundings);
    const [red, green, blue] = (color.match(/[\d.]+/g) || []).map(Number);
    const isDark = red + green + blue > 3 * 128;
    return {
        fontFamily,
        fontSize,
        border: LINE,
        borderRadius: "8px",
        padding: "20px",
        lineHeight: "1.4",
        colorScheme: isDark ? "dark" : "light",
        color: isDark ? "#f2f4f5" : "#1c2126",
        background: isDark ? "#1c2126" : "#ffffff",
    };
}

/** A dialog with a name that is read out, gone from the page once it is closed; whoever opens it calls `showModal`. */
export function modal(label, surroundings, ...children) {
    const style = { width: "560px", maxWidth: "90vw", boxSizing: "border-box", ...lookOf(surroundings) };
    const dialog = element("dialog", { "aria-label": label, style }, ...children);
    dialog.addEventListener("close", () => dialog.remove());
    return dialog;
}
