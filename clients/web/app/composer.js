// The page: where one writes. Enter sends; while a turn runs it queues, and with Ctrl it joins the turn.

/** @import { Conversation } from "./conversation.js" */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html, Icon } from "./html.js";
import { loadDraft, saveDraft } from "./keep.js";

/** @param {{ conversation: Conversation }} props */
export function Composer({ conversation }) {
  void conversation.version.value;
  const { view, running, session, access } = conversation;
  const [text, setText] = useState(() => loadDraft(session.sessionId));
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const files = useRef(/** @type {HTMLInputElement | null} */ (null));
  const closed = view.state === "closed" || access === "read";
  useLayoutEffect(() => {
    const field = area.current;
    if (!field) return;
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, innerHeight * 0.4)}px`;
  }, [text]);
  useEffect(() => area.current?.focus(), []);
  const write = (/** @type {string} */ now) => {
    setText(now);
    saveDraft(session.sessionId, now);
  };
  const send = (/** @type {"queue" | "steer"} */ when) => {
    if (!text.trim() || closed) return;
    saveDraft(session.sessionId, "");
    conversation.say(text, when);
    setText("");
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send(running && (event.ctrlKey || event.metaKey) ? "steer" : "queue");
    } else if (event.key === "ArrowUp" && !text && !running) {
      const last = view.messages.findLast((message) => message.role === "user");
      if (last?.role === "user") conversation.editing.value = `said-${last.submission_id}`;
    }
  };
  if (closed) return html`<p class="composer closed">${access === "read" ? "You may read this session." : "This session was ended. It can be read."}</p>`;
  const hint = view.state === "awaiting_approval" ? "Say something else instead of answering…" : running ? "Say what comes next, or steer it…" : "Say something…";
  return html`<form class="composer" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), send("queue"))}>
    <textarea ref=${area} class="composer-text" rows="1" placeholder=${hint} aria-label="Message" value=${text} onInput=${(/** @type {any} */ event) => write(event.target.value)} onKeyDown=${keys}></textarea>
    <div class="composer-buttons">
      <input type="file" class="hidden" ref=${files} multiple tabindex="-1" aria-hidden="true" onChange=${(/** @type {any} */ event) => void conversation.upload([...event.target.files])} />
      <button type="button" class="quiet" aria-label="Add files" title="Add files to the workspace (or drop them here)" onClick=${() => files.current?.click()}><${Icon} name="clip" /></button>
      <span class="spacer"></span>
      ${running &&
      html`<button type="button" class="quiet" disabled=${!text.trim()} onClick=${() => send("steer")} title="Joins the running turn before its next model call (Ctrl+Enter)">Steer</button>
        <button type="button" class="stop" onClick=${() => conversation.now({ type: "interrupt" })} title="Stop this turn (Esc)"><${Icon} name="stop" /> Stop</button>`}
      <button type="submit" class="primary" disabled=${!text.trim()} title=${running ? "Waits its turn (Enter)" : "Send (Enter)"}><${Icon} name="send" /> ${running ? "Queue" : "Send"}</button>
    </div>
  </form>`;
}
