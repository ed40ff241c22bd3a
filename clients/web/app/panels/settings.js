// Settings panel: the page's colours, the size of its text, what Enter does, and notifications.

/** @import { Settings as Chosen } from "../state/settings.js" */
import { useState } from "preact/hooks";
import { choose, settings } from "../state/settings.js";
import { Dialog } from "../ui/dialog.js";
import { CTRL, html } from "../ui/html.js";

/** @type {[keyof Chosen, string, [string, string][]][]} */
const LIST = [
  ["theme", "Colours", [["system", "As this device has them"], ["light", "Light"], ["dark", "Dark"]]],
  ["size", "Size of text", [["small", "Small"], ["normal", "Normal"], ["large", "Large"]]],
  ["enter", "Enter", [["auto", "Sends; on a touch screen makes a new line"], ["send", "Sends"], ["line", `Makes a new line; ${CTRL}+Enter sends`]]],
];

export function SettingsPanel() {
  return html`<${Dialog} title="Settings">
    ${LIST.map(([name, says, choices]) => html`<label key=${name} class="setting"><span>${says}</span>
      <select value=${settings.value[name]} onChange=${(/** @type {any} */ event) => choose({ [name]: event.target.value })}>
        ${choices.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
      </select></label>`)}
    <${Notifications} />
    <p class="faint">They are kept in this browser.</p>
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
  return html`<label class="setting-check"><input type="checkbox" checked=${settings.value.notify === "yes"} onChange=${changed} /> <span>Notify me when an answer is complete or a call waits for me, while I do not look at this page</span></label>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}`;
}
