// End panel: asks whether a session shall be ended, which cannot be taken back.

/** @import { Conversation } from "../state/conversation.js" */
import { panel } from "../state/store.js";
import { Dialog } from "../ui/dialog.js";
import { html } from "../ui/html.js";

/** @param {{ conversation: Conversation }} props */
export function EndPanel({ conversation }) {
  const end = () => {
    panel.value = "";
    conversation.now({ type: "shutdown" });
  };
  return html`<${Dialog} title="End this session?">
    <p>What runs is stopped, and nothing more can be said here. This cannot be taken back. The session stays in the list, to read and to export.</p>
    <p class="buttons">
      <button type="button" class="danger" onClick=${end}>End it</button>
      <button type="button" autofocus onClick=${() => (panel.value = "")}>Go on with it</button>
    </p>
  <//>`;
}
