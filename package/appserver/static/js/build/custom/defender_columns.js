/**
 * The widths of the columns of UCC's tables, of accounts and of inputs; whoever imports it gives them to the page.
 *
 * UCC's cells break words at any letter (6.6), which leaves columns of one letter. These columns get the width of the
 * words that are in them, and the last one of text what is left; only a very long name is broken.
 */

import { element } from "./defender_elements.js";

const CELL = '[data-test="main-table"] td[data-column';
const STYLE = `
${CELL}], ${CELL}] > div { word-break: normal !important; overflow-wrap: break-word !important; }
${CELL}="name"], ${CELL}="account"] { min-width: 115px; max-width: 280px; }
${CELL}="serviceTitle"] { min-width: 110px; }
@media (min-width: 1200px) { ${CELL}="serviceTitle"] { min-width: 170px; } }
${CELL}="disabled"], ${CELL}="actions"] { white-space: nowrap; width: 1px; }
${CELL}="health"] { width: 45%; min-width: 200px; }
${CELL}="health"] > div { overflow-wrap: anywhere !important; }
${CELL}="cloud"] { min-width: 95px; }
${CELL}="tenant_id"] { min-width: 290px; }
${CELL}="expires"] { min-width: 105px; white-space: nowrap; }
${CELL}="feeds"] { width: 40%; min-width: 200px; }
`;
document.head.append(element("style", { text: STYLE }));
