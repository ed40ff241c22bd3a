// Questions: what running calls ask of the user: a form, a page to open, or whether the model may answer for an MCP server.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { Question, QuestionField } from "../../../js/protocol.d.ts" */
import { useState } from "preact/hooks";
import { exact, exactLine } from "../text/visible.js";
import { html } from "../ui/html.js";

/** @typedef {string | number | boolean | string[]} Value */

const ASKS = { form: "asks you", link: "asks you to open a page", model: "asks to have this answered by the session's model" };

/** @param {{ conversation: Conversation }} props */
export function Questions({ conversation }) {
  void conversation.version.value;
  const { view, access } = conversation;
  if (!view.questions.length) return null;
  return html`<section class="approvals" aria-label="Questions of running calls">
    <div class="approvals-list">
      ${view.questions.map((question) => html`<${QuestionForm} key=${question.question_id} question=${question} reads=${access === "read"} conversation=${conversation} />`)}
    </div>
  </section>`;
}

/** @param {{ question: Question, reads: boolean, conversation: Conversation }} props */
function QuestionForm({ question, reads, conversation }) {
  const { question_id, asker, kind, message, fields = [], url } = question;
  const [values, setValues] = useState(() => /** @type {Record<string, Value | undefined>} */ (Object.fromEntries(fields.map((field) => [field.name, first(field)]))));
  const answer = (/** @type {"accept" | "decline" | "cancel"} */ action) => conversation.now({ type: "answer_question", question_id, action, ...(action === "accept" ? { content: filled(values) } : {}) });
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    answer("accept");
  };
  return html`<article class="pending" aria-label=${`Question of ${exactLine(asker)}`}>
    <h3><span class="tool-name">${exactLine(asker)}</span> <span class="faint">${ASKS[kind]}</span></h3>
    <form class="question" onSubmit=${send}>
      <p class="question-text">${exact(message)}</p>
      ${kind === "link" && url !== undefined && /^https?:\/\//.test(url) && html`<p><a href=${url} target="_blank" rel="noreferrer noopener">${exactLine(url)}</a></p>`}
      ${fields.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]} set=${(/** @type {Value | undefined} */ value) => setValues({ ...values, [field.name]: value })} />`)}
      ${!reads &&
      html`<div class="buttons">
        <button type="submit" class="primary">${kind === "form" ? "Answer" : kind === "link" ? "I opened it" : "Let the model answer"}</button>
        <button type="button" onClick=${() => answer("decline")}>Decline</button>
        <button type="button" onClick=${() => answer("cancel")}>Dismiss</button>
      </div>`}
    </form>
  </article>`;
}

/** @param {{ field: QuestionField, value: Value | undefined, set: (value: Value | undefined) => void }} props */
function Field({ field, value, set }) {
  const { name, kind, label, help, required, options = [] } = field;
  const title = html`<span><span class="asked-for">${exactLine(label || name)}</span>${required ? "" : " (may be left out)"}</span>`;
  const hint = help ? html`<span>${exact(help)}</span>` : null;
  const typed = (/** @type {any} */ event) => set(event.target.value === "" && !required ? undefined : kind === "text" ? event.target.value : event.target.valueAsNumber);
  if (kind === "boolean") return html`<label class="check"><input type="checkbox" checked=${value === true} onChange=${(/** @type {any} */ event) => set(event.target.checked)} /> <span>${title} ${hint}</span></label>`;
  if (kind === "choices") {
    const chosen = Array.isArray(value) ? value : [];
    // In the order in which they are offered.
    const toggle = (/** @type {string} */ one) => set(options.map((option) => option.value).filter((each) => chosen.includes(each) !== (each === one)));
    return html`<fieldset class="choices"><legend>${title} ${hint}</legend>
      ${options.map((option) => html`<label class="check" key=${option.value}><input type="checkbox" checked=${chosen.includes(option.value)} onChange=${() => toggle(option.value)} /> <span>${exactLine(option.label)}</span></label>`)}
    </fieldset>`;
  }
  if (kind === "choice") {
    return html`<label>${title} ${hint}
      <select required=${required} onChange=${(/** @type {any} */ event) => set(event.target.value || undefined)}>
        <option value="" selected=${value === undefined}></option>
        ${options.map((option) => html`<option key=${option.value} value=${option.value} selected=${option.value === value}>${exactLine(option.label)}</option>`)}
      </select>
    </label>`;
  }
  return html`<label>${title} ${hint}
    <input type=${kind === "text" ? "text" : "number"} step=${kind === "integer" ? "1" : "any"} required=${required && kind !== "text"} value=${value ?? ""} onInput=${typed} />
  </label>`;
}

/** What a field begins with. @param {QuestionField} field @returns {Value | undefined} */
function first({ kind, required, default: given }) {
  if (given !== undefined) return given;
  if (!required) return undefined;
  return kind === "boolean" ? false : kind === "text" ? "" : kind === "choices" ? [] : undefined;
}

/** @param {Record<string, Value | undefined>} values @returns {Record<string, Value>} */
function filled(values) {
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined || Number.isNaN(value) ? [] : [[name, value]])));
}
