// Connection line: the state of the connection, as it is.

/** @import { Conversation } from "../state/conversation.js" */
import { startOver } from "../state/barred.js";
import { useEffect, useState } from "preact/hooks";
import { plural } from "../text/format.js";
import { exactLine } from "../text/visible.js";
import { html, Icon } from "../ui/html.js";

/** How long the line says how a gap was closed. */
const RESUMED_MS = 6_000;

/** @param {{ conversation: Conversation }} props */
export function ConnectionLine({ conversation }) {
  void conversation.version.value;
  const status = conversation.status.value;
  const ended = status.phase === "ended" && conversation.view.state === "closed";
  const [, tick] = useState(0);
  const { phase, retry_at, why, offline, caught_up, action } = status;
  const [resumed, setResumed] = useState(/** @type {typeof caught_up} */ (null));
  useEffect(() => {
    if (phase !== "waiting") return;
    const timer = setInterval(() => tick((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [phase]);
  useEffect(() => {
    if (phase !== "live" || !caught_up) return;
    setResumed(caught_up);
    const timer = setTimeout(() => setResumed(null), RESUMED_MS);
    return () => clearTimeout(timer);
  }, [phase, caught_up]);
  const again = html`<button type="button" class="link" onClick=${() => conversation.session.open()}>${phase === "ended" ? "Connect again" : "Try now"}</button>`;
  let text = "";
  let countdown = "";
  if (ended) text = "Ended. Nothing more happens here.";
  else if (phase === "idle") text = "Ready. A session begins with your first message.";
  else if (phase === "connecting") text = "Connecting…";
  else if (phase === "catching_up") text = "Catching up…";
  else if (phase === "waiting") {
    const seconds = Math.max(0, Math.ceil((retry_at - Date.now()) / 1000));
    text = `${offline ? "Offline" : "Reconnecting"}: ${why}.`;
    countdown = seconds > 0 ? `Next try in ${seconds} s.` : "Trying…";
  } else if (phase === "ended") text = action === "forget" ? "This session is not there any more." : action === "log_in" ? "Logged out." : `Disconnected: ${why}.`;
  else if (resumed) text = resumed.recovered ? `Live. Back with ${plural(resumed.replayed, "missed event")} replayed.` : "Live. The view was reset: it was loaded anew.";
  else text = "Live";
  // A countdown is for the eye: read aloud each second it would drown everything else.
  return html`<p class="connection" data-phase=${ended ? "closed" : phase}>
    <span class="lamp" aria-hidden="true"></span><span role="status">${text}</span>
    ${countdown && html`<span aria-hidden="true">${countdown}</span>`}
    ${(phase === "waiting" || (phase === "ended" && action === "stay_away" && !ended)) && again}
    ${phase === "ended" && action === "forget" && html`<button type="button" class="link" onClick=${() => startOver(conversation)}>Begin a new one</button>`}
    <span class="spacer"></span>
    <${Grants} conversation=${conversation} />
  </p>`;
}

/** @param {{ grant: string, conversation: Conversation }} props */
function Grant({ grant, conversation }) {
  const shown = exactLine(grant);
  const guests = conversation.view.guest_grants[grant] !== undefined;
  const revoke = () => conversation.now({ type: "revoke_grant", grant });
  return html`<code>${shown}</code>${guests && " (by a guest)"}${conversation.drives && html` <button type="button" class="link" title="Ask again for these calls" aria-label=${`Ask again for ${shown}`} onClick=${revoke}>✕</button>`}`;
}

/** What a person allowed or rejected for the whole session. @param {{ conversation: Conversation }} props */
function Grants({ conversation }) {
  void conversation.version.value;
  const { grants, denials } = conversation.view;
  const list = (/** @type {string[]} */ names) => names.map((grant, at) => html`${at > 0 && ", "}<${Grant} key=${grant} grant=${grant} conversation=${conversation} />`);
  return html`${grants.length > 0 && html`<span class="grants" title="Approved for this session: these calls run without asking"><${Icon} name="key" /> Runs without asking: ${list(grants)}</span>`}
    ${denials.length > 0 && html`<span class="grants" title="Rejected for this session: these calls are refused">Refused: ${list(denials)}</span>`}`;
}
