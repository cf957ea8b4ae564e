/** Calls of the add-on's own endpoints, through Splunk Web to splunkd. */

/** The add-on's id, with which the names of UCC's own endpoints begin. */
export const APP = "TA_defender_alerts";
const NAMESPACE = `/servicesNS/nobody/${APP}`;
/** The status with which Splunk answers where nobody is logged in any more. */
export const SESSION_ENDED = 401;

/** What a call was refused with: a sentence, and HTTP's status. */
export class Refusal extends Error {
    constructor(status, sentence) {
        super(sentence);
        this.status = status;
    }
}

/** What Splunk Web says of itself on each of its pages. */
function web() {
    return window.$C || {};
}

/** The token that Splunk Web wants with each call that changes something. */
function formKey() {
    const name = `splunkweb_csrf_token_${web().MRSPARKLE_PORT_NUMBER}=`;
    const cookie = document.cookie.split("; ").find((one) => one.startsWith(name));
    return cookie ? decodeURIComponent(cookie.slice(name.length)) : "";
}

/** The address of one of the app's pages. */
export function pageAddress(view) {
    const { MRSPARKLE_ROOT_PATH: root = "", LOCALE: locale = "en-US" } = web();
    return `${root === "/" ? "" : root}/${locale}/app/${APP}/${view}`;
}

/** The address of a search in the add-on's own app. */
export function searchAddress(search) {
    return `${pageAddress("search")}?${new URLSearchParams({ q: search })}`;
}

async function answerOf(address, options) {
    try {
        return await fetch(address, options);
    } catch (error) {
        throw new Refusal(0, "Splunk did not answer. It may be restarting: try again in a minute.");
    }
}

/** What an endpoint answers to GET, or to POST where there is a form. Fails with a Refusal. */
export async function call(endpoint, { query, form } = {}) {
    const headers = { "X-Requested-With": "XMLHttpRequest" };
    if (form) {
        headers["X-Splunk-Form-Key"] = formKey();
        headers["Content-Type"] = "application/x-www-form-urlencoded";
    }
    const asked = new URLSearchParams({ output_mode: "json", ...query });
    const answer = await answerOf(`${web().SPLUNKD_PATH || "/en-US/splunkd/__raw"}${NAMESPACE}/${endpoint}?${asked}`, {
        method: form ? "POST" : "GET",
        headers,
        credentials: "same-origin",
        body: form ? new URLSearchParams(form).toString() : undefined,
    });
    const text = await answer.text();
    let content = null;
    try {
        content = JSON.parse(text);
    } catch (error) {
        // Splunk Web's own pages of errors are HTML.
    }
    if (answer.status === SESSION_ENDED) {
        throw new Refusal(answer.status, "Your Splunk session has ended. Reload the page and log in again.");
    }
    if (!answer.ok || content === null) {
        const told = content && content.messages && content.messages[0] && content.messages[0].text;
        throw new Refusal(answer.status, told || `Splunk answered with HTTP ${answer.status}. See splunkd.log.`);
    }
    return content;
}
