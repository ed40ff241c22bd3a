// Settings panel: the page's colours, the size of its text, what Enter does, notifications, and what models are told in new sessions.

/** @import { Settings as Chosen } from "../state/settings.js" */
import { useEffect, useState } from "preact/hooks";
import { http, putJson, sessionPath } from "../api/http.js";
import { choose, settings } from "../state/settings.js";
import { current, guest } from "../state/store.js";
import { messageOf } from "../text/format.js";
import { exact } from "../text/visible.js";
import { Dialog } from "../ui/dialog.js";
import { CTRL, html, Icon } from "../ui/html.js";

/** @type {[keyof Chosen, string, [string, string][]][]} */
const LIST = [
  ["theme", "Colours", [["system", "As this device has them"], ["light", "Light"], ["dark", "Dark"]]],
  ["size", "Size of text", [["small", "Small"], ["normal", "Normal"], ["large", "Large"]]],
  ["enter", "Enter", [["auto", "Sends; on touch: a new line"], ["send", "Sends"], ["line", `Makes a new line; ${CTRL}+Enter sends`]]],
];

export function SettingsPanel() {
  return html`<${Dialog} title="Settings">
    ${LIST.map(([name, says, choices]) => html`<label key=${name} class="setting"><span>${says}</span>
      <select value=${settings.value[name]} onChange=${(/** @type {any} */ event) => choose({ [name]: event.target.value })}>
        ${choices.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
      </select></label>`)}
    ${!guest.value && html`<${Notifications} />`}
    <p class="faint">They are kept in this browser.</p>
    ${!guest.value && html`<${Instructions} session=${current.value} />`}
  <//>`;
}

function Notifications() {
  const [fault, setFault] = useState("");
  const changed = async (/** @type {any} */ { target }) => {
    const { Notification } = globalThis;
    const given = !target.checked ? "" : Notification ? await Notification.requestPermission() : "none";
    setFault(given === "none" ? "This browser has no notifications for this page." : given === "denied" ? "The browser does not allow them for this page: change that in its settings for this site." : "");
    choose({ notify: given === "granted" ? "yes" : "no" });
  };
  return html`<label class="setting-check"><input type="checkbox" checked=${settings.value.notify === "yes"} onChange=${changed} /> <span>Notify me when an answer is complete or something waits for me, while I do not look at this page</span></label>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}`;
}

const MOST_CHARS = 2_000;
const PATH = "/api/instructions";

/** What the user wants models to be told: kept by the server. @param {{ session: string | null }} props */
function Instructions({ session }) {
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [here, setHere] = useState("");
  const [said, setSaid] = useState("");
  useEffect(() => {
    const read = (/** @type {string} */ path, /** @type {(text: string) => void} */ take) => http(path).then((found) => take(found.instructions), (error) => setSaid(messageOf(error)));
    read(PATH, setText);
    if (session) read(`${sessionPath(session)}/instructions`, setHere);
  }, [session]);
  const save = () => putJson(PATH, { instructions: text }).then(() => setSaid("Saved. New sessions are told this."), (error) => setSaid(messageOf(error)));
  return html`<label class="instructions"><span>Instructions: what models are told in each new session of yours</span>
      <textarea rows="4" maxlength=${MOST_CHARS} disabled=${text === null} value=${text ?? ""} onInput=${(/** @type {any} */ event) => (setText(event.target.value), setSaid(""))}></textarea></label>
    <p><button type="button" disabled=${text === null} onClick=${save}>Save</button> <span class="faint" role="status">${said || "Kept by the server, for all your devices."}</span></p>
    ${session && html`<details><summary><${Icon} name="fold" />What this session was made with</summary><pre class="instructions-here">${exact(here) || "(no instructions)"}</pre></details>`}`;
}
