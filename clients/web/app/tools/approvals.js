// Approvals: the calls that wait for an answer. What is shown is what runs: an edit is sent whole and replaces the model's.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { Approval, PendingTool } from "../../../js/protocol.d.ts" */
import { useEffect, useRef, useState } from "preact/hooks";
import { plural } from "../text/format.js";
import { exact, exactLine, visible } from "../text/visible.js";
import { overlayOpen } from "../ui/dialog.js";
import { html } from "../ui/html.js";
import { letters } from "../ui/letters.js";
import { CallArguments } from "./arguments.js";
import { commandOf } from "./calls.js";

/** What waits and was not answered here. @param {Conversation} conversation */
const unanswered = ({ view, answered }) => view.pending_approval.filter((one) => !answered.has(one.tool_call_id));

/** @param {{ conversation: Conversation }} props */
export function Approvals({ conversation }) {
  void conversation.version.value;
  const { view, access } = conversation;
  const waiting = view.pending_approval;
  const free = unanswered(conversation);
  const all = (/** @type {boolean} */ approved) => conversation.answer(unanswered(conversation).map(({ tool_call_id }) => ({ tool_call_id, approved })));
  const section = useRef(/** @type {HTMLElement | null} */ (null));
  useFocusKept(section, waiting.length);
  useEffect(() => {
    const keys = (/** @type {KeyboardEvent} */ event) => {
      const [first] = unanswered(conversation); // as it is now: what was drawn last may be a key press older
      if (!event.altKey || event.ctrlKey || event.metaKey || access === "read" || !first || overlayOpen()) return;
      const letter = letters.of(event);
      if (letter !== "y" && letter !== "n") return;
      event.preventDefault();
      const approved = letter === "y";
      if (event.shiftKey) all(approved);
      else conversation.answer([{ tool_call_id: first.tool_call_id, approved }]);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  });
  if (!waiting.length) return null;
  return html`<section class="approvals" id="approvals" aria-label="Waiting for your approval" ref=${section} tabindex="-1">
    <div class="approvals-head">
      <h2>${plural(waiting.length, "call")} ${waiting.length === 1 ? "waits" : "wait"} for ${access === "read" ? "an answer" : "you"}</h2>
      ${access === "read" ? html`<span class="faint">You may read this session, and not answer.</span>` : html`<span class="faint keys"><kbd>Alt</kbd>+<kbd>Y</kbd> approve, <kbd>Alt</kbd>+<kbd>N</kbd> reject, with <kbd>Shift</kbd> all</span>`}
    </div>
    <div class="approvals-list">
      ${waiting.map((pending) => html`<${PendingCall} key=${pending.tool_call_id} pending=${pending} next=${free.length > 1 && pending === free[0]} conversation=${conversation} />`)}
    </div>
    ${free.length > 1 &&
    access !== "read" &&
    html`<div class="buttons all">
      <button type="button" onClick=${() => all(true)}>Approve all ${free.length}</button>
      <button type="button" onClick=${() => all(false)}>Reject all</button>
    </div>`}
  </section>`;
}

/**
 * Who answers by the keyboard stands at the next call that waits, and after the last one at the message field.
 * @param {{ current: HTMLElement | null }} section @param {number} count
 */
function useFocusKept(section, count) {
  const inside = useRef(false);
  useEffect(() => {
    const look = () => (inside.current = !!section.current?.contains(document.activeElement));
    document.addEventListener("focusin", look);
    return () => document.removeEventListener("focusin", look);
  }, []);
  useEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return;
    const next = /** @type {HTMLElement | null | undefined} */ (section.current?.querySelector(".pending button.primary"));
    (next ?? document.getElementById("message"))?.focus();
    inside.current = !!next;
  });
  void count;
}

/** @param {{ pending: PendingTool, next: boolean, conversation: Conversation }} props */
function PendingCall({ pending, next, conversation }) {
  void conversation.version.value;
  const [mode, setMode] = useState(/** @type {"look" | "edit" | "reject"} */ ("look"));
  const { tool_call_id, tool, reason, grant } = pending;
  const sent = conversation.answered.has(tool_call_id);
  // The command itself stands below.
  const command = commandOf(tool, pending.arguments);
  const why = command !== null && reason.endsWith(`: ${command}`) ? reason.slice(0, -command.length - 2) : reason;
  const answer = (/** @type {Omit<Approval, "tool_call_id">} */ given) => conversation.answer([{ tool_call_id, ...given }]);
  const back = () => setMode("look");
  return html`<article class="pending" aria-label=${visible(tool)} data-next=${next}>
    <h3><span class="tool-name">${visible(tool)}</span> <span class="faint"><bdi>${visible(why)}</bdi></span></h3>
    ${mode === "edit" ? html`<${EditArguments} pending=${pending} answer=${answer} back=${back} />` : html`<${CallArguments} tool=${tool} given=${pending.arguments} whole=${true} />`}
    ${mode === "reject" && html`<${Reject} grant=${grant} answer=${answer} back=${back} />`}
    ${sent
      ? html`<p class="faint" role="status">Your answer is on its way.</p>`
      : mode === "look" &&
        conversation.access !== "read" &&
        html`<div class="buttons">
          <button type="button" class="primary" onClick=${() => answer({ approved: true })}>Approve</button>
          <button type="button" onClick=${() => setMode("reject")}>Reject…</button>
          <button type="button" onClick=${() => setMode("edit")}>Edit…</button>
          ${grant !== undefined && html`<button type="button" onClick=${() => answer({ approved: true, scope: "session" })} title="Runs now, and what this names runs without asking for as long as this session lives">Approve for this session: <code>${exactLine(grant)}</code></button>`}
        </div>`}
  </article>`;
}

/** @param {{ grant: string | undefined, answer: (said: Omit<Approval, "tool_call_id">) => void, back: () => void }} props */
function Reject({ grant, answer, back }) {
  const [feedback, setFeedback] = useState("");
  const reject = (/** @type {Partial<Approval>} */ more) => {
    answer({ approved: false, ...(feedback ? { feedback } : {}), ...more });
    back();
  };
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    reject({});
  };
  return html`<form class="reject" onSubmit=${send} onKeyDown=${escapes(back)}>
    <label>Why not, or what instead (the model is told)
      <input ref=${focused} value=${feedback} maxlength="4000" onInput=${(/** @type {any} */ event) => setFeedback(event.target.value)} />
    </label>
    <div class="buttons"><button type="submit" class="danger">Reject</button>${grant !== undefined && html`<button type="button" class="stop" onClick=${() => reject({ scope: "session" })} title="Refused now, and what this names is refused for as long as this session lives">Reject for this session: <code>${exactLine(grant)}</code></button>`}<button type="button" onClick=${back}>Cancel</button></div>
  </form>`;
}

/** @param {{ pending: PendingTool, answer: (said: Omit<Approval, "tool_call_id">) => void, back: () => void }} props */
function EditArguments({ pending, answer, back }) {
  const [fields, setFields] = useState(() => Object.entries(pending.arguments).map(([name, value]) => ({ name, text: typeof value === "string" ? value : JSON.stringify(value), plain: typeof value === "string" })));
  const [fault, setFault] = useState("");
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const given = Object.fromEntries(fields.map(({ name, text, plain }) => [name, plain ? text : parsed(name, text)]));
      answer({ approved: true, arguments: given });
      back();
    } catch (error) {
      setFault(String(error instanceof Error ? error.message : error));
    }
  };
  const change = (/** @type {number} */ at, /** @type {string} */ text) => setFields(fields.map((field, number) => (number === at ? { ...field, text } : field)));
  return html`<form class="edit-arguments" onSubmit=${send} onKeyDown=${escapes(back)}>
    ${fields.map(
      ({ name, text }, at) => html`<label key=${name}>${exactLine(name)}
        <textarea ref=${at === 0 ? focused : undefined} rows=${Math.min(12, text.split("\n").length + 1)} value=${text} onInput=${(/** @type {any} */ event) => change(at, event.target.value)}></textarea>
        ${exact(text) !== text && html`<span class="faint">With what cannot be seen: <code>${exact(text)}</code></span>`}
      </label>`,
    )}
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    <div class="buttons"><button type="submit" class="primary">Approve as edited</button><button type="button" onClick=${back}>Cancel</button></div>
  </form>`;
}

/** @param {string} name @param {string} text */
function parsed(name, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`“${exactLine(name)}” must be JSON (it was ${text === "" ? "empty" : "something else"}): a number, true, false, null, [..] or {..}`);
  }
}

/** @param {HTMLElement | null} element */
const focused = (element) => {
  if (element && !element.dataset.focused) {
    element.dataset.focused = "yes";
    element.focus();
  }
};

/** @param {() => void} back */
function escapes(back) {
  return (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    back();
  };
}
