// Messages: what the user and the model wrote, what waits to be sent, and notes.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { Note } from "../state/notes.js" */
/** @import { Row } from "../state/rows.js" */
import { useLayoutEffect, useRef } from "preact/hooks";
import { lastKey } from "../state/rows.js";
import { enterSends } from "../state/settings.js";
import { visible } from "../text/visible.js";
import { CopyButton } from "../ui/clipboard.js";
import { Folded } from "../ui/folded.js";
import { html, Icon } from "../ui/html.js";
import { composing } from "../ui/letters.js";
import { Markdown } from "../markdown/markdown.js";
import { Bubble } from "./bubble.js";
import { ShownImages } from "./images.js";
import { copyLink } from "./linked.js";
import { Versions } from "./versions.js";

/** @param {{ row: Extract<Row, { kind: "assistant" }>, conversation: Conversation }} props */
export function AssistantMessage({ row, conversation }) {
  const { text, reasoning, streaming, sealed, ending, calls } = row;
  return html`<div class="message assistant" data-streaming=${streaming}>
    <h2 class="hidden">Assistant</h2>
    ${reasoning &&
    html`<${Folded} class="reasoning" memory=${conversation.opened} name=${`${row.key}/reasoning`} title=${streaming && !text ? "Thinking…" : "Reasoning"}>
      <div class="reasoning-text">${reasoning}</div>
    <//>`}
    ${text && html`<${Markdown} text=${text} done=${!streaming} fileLink=${(/** @type {string} */ path) => conversation.fileLink(path)} />`}
    ${streaming && !text && !reasoning && html`<p class="working"><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span></p>`}
    ${sealed && html`<p class="sealed">Cut short here: the rest was never said.</p>`}
    ${ending && html`<p class="sealed">${ending}</p>`}
    ${!streaming && (text || ending) && html`<${AnswerActions} row=${row} conversation=${conversation} over=${!!calls && !ending && !sealed} />`}
  </div>`;
}

/** What can be done with an answer; of the newest it is seen without being pointed at. @param {{ row: Extract<Row, { kind: "assistant" }>, conversation: Conversation, over: boolean }} props `over`: calls follow, it has no room of its own */
function AnswerActions({ row, conversation, over }) {
  void conversation.version.value;
  const last = conversation.view.messages.at(-1);
  const newest = !conversation.running && last?.role === "assistant" && last.message_id === row.key;
  return html`<div class="actions" data-shown=${!row.text || newest} data-over=${over}>
    ${row.text && html`<${CopyButton} text=${row.text} />`}
    ${row.text && html`<${LinkButton} row=${row} conversation=${conversation} />`}
    ${newest && conversation.drives && html`<button type="button" class="quiet" onClick=${() => conversation.retry()}><${Icon} name="retry" /> Retry</button>`}
  </div>`;
}

/** @param {{ row: Row, conversation: Conversation }} props */
function LinkButton({ row, conversation }) {
  const id = conversation.session.sessionId;
  return id !== null && html`<button type="button" class="quiet" aria-label="Link to this message" title="Copy a link to this message" onClick=${() => copyLink(id, row.key)}><${Icon} name="link" /></button>`;
}

/** @param {{ row: Extract<Row, { kind: "user" }>, conversation: Conversation }} props */
export function UserMessage({ row, conversation }) {
  const editing = conversation.editing.value?.key === row.key;
  return html`<div class="message user">
    <h2 class="hidden">You</h2>
    ${editing
      ? html`<${EditForm} row=${row} conversation=${conversation} />`
      : html`<${Bubble} text=${row.text} memory=${conversation.opened} name=${`${row.key}/whole`} fileLink=${(/** @type {string} */ path) => conversation.fileLink(path)} />
          <${ShownImages} images=${row.images} conversation=${conversation} />
          <div class="actions">
            <${InputTime} id=${row.key.slice("input-".length)} conversation=${conversation} />
            ${conversation.drives &&
            html`<button type="button" class="quiet" onClick=${() => conversation.change(row.key, row.text)}><${Icon} name="edit" /> Edit</button>`}
            <${CopyButton} text=${row.text} />
            <${LinkButton} row=${row} conversation=${conversation} />
            <${Versions} turnId=${row.turn_id} conversation=${conversation} />
          </div>`}
  </div>`;
}

/** @param {{ id: string, conversation: Conversation }} props */
function InputTime({ id, conversation }) {
  void conversation.learnt.value;
  const at = conversation.times.get(id);
  if (at === undefined) return null;
  const then = new Date(at);
  return html`<time class="faint" datetime=${at} title=${then.toLocaleString()}>${then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}</time>`;
}

/** @param {{ row: Extract<Row, { kind: "user" }>, conversation: Conversation }} props */
function EditForm({ row, conversation }) {
  const { text = "", begun = true } = conversation.editing.value ?? {};
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useLayoutEffect(() => {
    if (begun || !conversation.editing.value) return;
    conversation.editing.value.begun = true;
    area.current?.focus();
  }, []);
  const write = (/** @type {any} */ event) => (conversation.editing.value = { key: row.key, text: event.target.value, begun: true });
  const close = () => {
    conversation.editing.value = null;
    document.getElementById("message")?.focus();
  };
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!text.trim() || conversation.running) return;
    void conversation.edit(row.turn_id, text, row.images);
    close();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && !composing(event) && (enterSends() ? !event.shiftKey : event.ctrlKey || event.metaKey)) save(event);
    else return;
    event.stopPropagation();
  };
  void conversation.version.value;
  return html`<form class="edit" onSubmit=${save}>
    <textarea ref=${area} aria-label="Say instead" rows="3" value=${text} onInput=${write} onKeyDown=${keys}></textarea>
    <p class="faint">How it went before is kept as an earlier version. Files and jobs stay as they are.</p>
    <div class="buttons">
      <button type="submit" class="primary" disabled=${conversation.running || !text.trim()}>Send</button>
      <button type="button" onClick=${close}>Cancel</button>
      ${conversation.running && html`<span class="faint">A turn is running: stop it first.</span>`}
    </div>
  </form>`;
}

const WAITING = { queue: "waits for its turn", steer: "joins the running turn", unsent: "not sent yet" };

/** @param {{ row: Extract<Row, { kind: "waiting" | "failed" }>, conversation: Conversation }} props */
export function WaitingMessage({ row, conversation }) {
  return html`<div class="message user waiting" data-state=${row.kind === "failed" ? "failed" : row.when}>
    <h2 class="hidden">You</h2>
    <${Bubble} text=${row.text} memory=${conversation.opened} name=${`${row.key}/whole`} fileLink=${(/** @type {string} */ path) => conversation.fileLink(path)} />
    <${ShownImages} images=${row.images} conversation=${conversation} />
    ${row.kind === "waiting"
      ? html`<p class="faint">${WAITING[row.when]}</p>`
      : html`<p class="bad">Not taken: ${row.why}</p>
          <div class="buttons">
            <button type="button" onClick=${() => conversation.again(row.id)}>Send again</button>
            <button type="button" onClick=${() => conversation.discard(row.id)}>Discard</button>
          </div>`}
  </div>`;
}

/** Whether the files can be restored as a note offers: nothing was said since, and the snapshot is there. @param {Note} note @param {Conversation} conversation */
function restorable(note, { view, notes, drives }) {
  const newest = notes.at(-1) === note && lastKey(view) === note.after;
  return newest && drives && view.state === "idle" && view.snapshots.some((saved) => saved.snapshot_id === note.restore);
}

/** @param {{ row: Extract<Row, { kind: "note" }>, conversation: Conversation }} props */
export function NoteRow({ row: { note }, conversation }) {
  void conversation.version.value;
  // What failed is sent again in its own place: only where nothing was sent after it.
  const prompt = conversation.view.messages.findLast((message) => message.role === "user");
  const last = conversation.notes.at(-1) === note && note.turn_id !== null && prompt?.role === "user" && prompt.turn_id === note.turn_id;
  const past = note.tone === "bad" && conversation.notes.at(-1) !== note;
  if (past) {
    return html`<div class="note" data-tone="bad" data-past="true">
      <${Folded} title=${html`<span>${visible(note.text)}</span>`} memory=${conversation.opened} name=${`note-${note.seq}/past`}>
        ${note.advice && html`<p>${note.advice}</p>`}
        ${note.more && html`<pre tabindex="0">${visible(note.more)}</pre>`}
      <//>
    </div>`;
  }
  return html`<div class="note" data-tone=${note.tone}>
    <p>${visible(note.text)} ${note.advice && html`<span class="advice">${note.advice}</span>`}</p>
    ${note.more && html`<${Folded} title="Details" memory=${conversation.opened} name=${`note-${note.seq}`}><pre tabindex="0">${visible(note.more)}</pre><//>`}
    ${last && conversation.view.state === "idle" && conversation.drives && html`<p class="buttons">
      ${note.goOn && html`<button type="button" onClick=${() => conversation.say("Go on.", "queue")}>Go on</button>`}
      ${note.retry && html`<button type="button" onClick=${() => conversation.retry()}><${Icon} name="retry" /> Try again</button>`}
    </p>`}
    ${note.restore && restorable(note, conversation) && html`<p class="buttons">
      <button type="button" onClick=${() => conversation.now({ type: "restore", snapshot_id: note.restore })}><${Icon} name="undo" /> Restore the files</button>
    </p>`}
  </div>`;
}
