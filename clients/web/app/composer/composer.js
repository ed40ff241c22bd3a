// Composer: the field in which messages are written. Enter sends; while a turn runs it queues, and with Ctrl it joins the turn.

/** @import { Conversation } from "../state/conversation.js" */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { loadDraft, saveDraft } from "../state/storage.js";
import { enterSends } from "../state/settings.js";
import { narrow, notify } from "../state/store.js";
import { filesOf, textFile } from "../state/uploads.js";
import { html, Icon } from "../ui/html.js";
import { composing } from "../ui/letters.js";
import { FileField, Uploading } from "./files.js";
import { PromptHistory, promptsOf } from "./history.js";
import { LIST_ID, usePrompts } from "./prompts.js";

/** A longer text that is pasted becomes a file. */
const PASTED_CHARS = 8_000;
/** A field of one line, its edges with it, is lower than so many lines. */
const ONE_LINE = 2;
/** Asked once: a browser keeps each question for as long as the page. */
const finePointer = matchMedia("(pointer: fine)");

/** @param {{ conversation: Conversation }} props */
export function Composer({ conversation }) {
  void conversation.version.value;
  const { view, running, session, barred } = conversation;
  const [text, setText] = useState(() => loadDraft(session.sessionId));
  const [due, setDue] = useState(/** @type {{ when: "queue" | "steer", failed: number } | null} */ (null));
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const files = useRef(/** @type {HTMLInputElement | null} */ (null));
  useLayoutEffect(() => {
    const field = area.current;
    if (!field) return;
    // While it is measured its surroundings keep their size, or the conversation above would move.
    const form = /** @type {HTMLFormElement} */ (field.form);
    form.style.height = `${form.offsetHeight}px`;
    field.style.height = "auto";
    // Measured beside its buttons, where a line ends sooner: so the same text gives the same form, however it came.
    form.dataset.lines = "one";
    if (text && field.scrollHeight > ONE_LINE * parseFloat(getComputedStyle(field).lineHeight)) form.dataset.lines = "many";
    field.style.height = `${Math.min(field.scrollHeight + 2, innerHeight * 0.4)}px`;
    form.style.height = "";
  }, [text]);
  useEffect(() => {
    // On a touch screen the focus would bring up the keyboard, unasked.
    if (finePointer.matches) area.current?.focus();
  }, []);
  const { suggested } = conversation;
  useEffect(() => {
    if (!suggested.value) return;
    write(suggested.value.text);
    suggested.value = null;
    area.current?.focus();
  }, [suggested.value]);
  const write = (/** @type {string} */ now) => {
    setText(now);
    saveDraft(session.sessionId, now);
  };
  const { sending, there, failed } = conversation.uploads;
  const sendable = text.trim() !== "" || there || sending;
  const prompts = usePrompts(conversation, text, write);
  const send = (/** @type {"queue" | "steer"} */ when) => {
    if (!sendable || barred) return;
    if (sending) {
      setDue({ when, failed });
      return;
    }
    saveDraft(session.sessionId, "");
    conversation.say(text, when);
    setText("");
    conversation.sent.value += 1;
  };
  // A message waits for its files. Where one of them was not taken, it is for the user to say how it goes on.
  useEffect(() => {
    if (!due || sending) return;
    setDue(null);
    if (failed <= due.failed) send(due.when);
  }, [due, sending]);
  const history = useRef(new PromptHistory());
  // Within a text of several lines the arrow keys move in it first.
  const recall = (/** @type {KeyboardEvent} */ event) => {
    const { selectionStart, selectionEnd } = /** @type {HTMLTextAreaElement} */ (event.target);
    const up = event.key === "ArrowUp";
    if ((up ? text.slice(0, selectionStart) : text.slice(selectionEnd)).includes("\n")) return;
    const found = history.current.step(promptsOf(view.messages), up ? 1 : -1, text);
    if (found === null) return;
    event.preventDefault();
    write(found);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (prompts.keys(event)) return;
    const control = event.ctrlKey || event.metaKey;
    const enters = enterSends();
    if (event.key === "Enter" && !composing(event)) {
      if (enters ? event.shiftKey : !control) return; // a new line
      event.preventDefault();
      send(running && control && (enters || event.shiftKey) ? "steer" : "queue");
    } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && !event.altKey && !event.shiftKey && !control) {
      recall(event);
    } else if (event.key === "ArrowUp" && control && !text && !running && conversation.drives) {
      event.preventDefault();
      const last = view.messages.findLast((message) => message.role === "user");
      if (last?.role === "user") conversation.change(`input-${last.submission_id}`, last.text);
    }
  };
  if (barred) return html`<p class="composer closed">${barred}</p>`;
  const pasted = (/** @type {ClipboardEvent} */ event) => {
    const words = event.clipboardData?.getData("text/plain") ?? "";
    if (words.length > PASTED_CHARS) {
      event.preventDefault();
      void conversation.upload([textFile(words, new Date())]);
      const undo = () => write(text + words);
      notify(`The pasted text has ${words.length.toLocaleString()} characters: it is added as a file.`, { action: { label: "Put it into the message too", run: undo } });
      return;
    }
    const given = filesOf(event.clipboardData, new Date());
    // What is text too, such as cells of a spreadsheet, is pasted as text.
    if (!given.length || event.clipboardData?.types.includes("text/plain")) return;
    event.preventDefault();
    void conversation.upload(given);
  };
  const queues = view.state === "running";
  const hint = view.state === "awaiting_approval" ? narrow.value ? "Say something else…" : "Say something else instead of answering…" : running ? "Say what comes next, or steer it…" : "Say something…";
  return html`${prompts.shown}<form class="composer" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), send("queue"))}>
    <${Uploading} conversation=${conversation} due=${due !== null} />
    <textarea ref=${area} id="message" class="composer-text" dir="auto" rows="1" enterkeyhint=${enterSends() ? "send" : "enter"} placeholder=${hint} aria-label="Message" aria-autocomplete="list" aria-controls=${prompts.active && LIST_ID} aria-activedescendant=${prompts.active} value=${text} onInput=${(/** @type {any} */ event) => write(event.target.value)} onKeyDown=${keys} onPaste=${pasted}></textarea>
    <${FileField} field=${files} conversation=${conversation} />
    <button type="button" class="quiet add-files" aria-label="Add files" title="Add files to the workspace (or drop or paste them)" onClick=${() => files.current?.click()}><${Icon} name="clip" /></button>
    <div class="composer-buttons">
      ${queues && html`<button type="button" class="quiet" disabled=${!sendable} onClick=${() => send("steer")} title="Joins the running turn before its next model call (Ctrl+Enter)">Steer</button>`}
      ${running && html`<button type="button" class="stop" onClick=${() => conversation.now({ type: "interrupt" })} title="Stop this turn (Esc)"><${Icon} name="stop" /> Stop</button>`}
      <button type="submit" class="primary send" aria-label=${queues ? "Queue" : "Send"} disabled=${!sendable} title=${queues ? "Waits its turn (Enter)" : running ? "Goes on without the calls that wait (Enter)" : "Send (Enter)"}><${Icon} name="up" /></button>
    </div>
  </form>`;
}
