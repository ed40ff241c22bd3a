// Said: a view's messages as other libraries show them: what the user said, and all that the agent did about it as one answer. Pure.

/** @import * as Wire from "../../protocol.d.ts" */
/** @import { View } from "../view.js" */

/**
 * A call of a step. It waits for an answer if it has `pending`, is over if it has `result`.
 * @typedef {object} Called
 * @property {string} id
 * @property {string} tool
 * @property {Wire.ToolCall["arguments"]} arguments as it ran, where a user edited them
 * @property {Wire.PendingTool | null} pending
 * @property {Wire.OpenCall | null} open
 * @property {Wire.ToolMessage | null} result
 */
/** One message of the model with its calls. @typedef {{ message: Wire.AssistantMessage | Wire.OpenMessage, open: boolean, calls: Called[] }} Step */
/** @typedef {{ role: "user", id: string, message: Wire.UserMessage }} Question */
/** `asked`: the user's message before it, if that is in the view. @typedef {{ role: "assistant", id: string, asked: Wire.UserMessage | null, steps: Step[], running: boolean }} Answer */
/** @typedef {Question | Answer} Said */

/** The id of the answer to a user's message, known before there is one. @param {string} submissionId */
export const answerTo = (submissionId) => `${submissionId}-answer`;

/** The user's message whose turn runs and waits for nobody; null: there is none, or the view does not reach back to it. @param {View} view */
export function runningQuestion(view) {
  const last = lastQuestion(view);
  return view.state === "running" && !view.pending_approval.length && last && view.turn_id === last.turn_id ? last : null;
}

/** @param {View} view @returns {Wire.UserMessage | null} */
export function lastQuestion(view) {
  return view.messages.findLast((message) => message.role === "user") ?? null;
}

/** Makes the list of a session's views, one after the other. What did not change in it is the same object as before. */
export class Conversation {
  /** @type {View | null} */
  #view = null;
  /** @type {Said[]} */
  #said = [];

  /** @param {View} view one that does not change @returns {Said[]} */
  of(view) {
    if (view === this.#view) return this.#said;
    const before = new Map(this.#said.map((one) => [one.id, one]));
    // While no message comes or goes, only what follows the last question can change.
    const from = view.messages === this.#view?.messages ? Math.max(0, view.messages.findLastIndex(({ role }) => role === "user")) : 0;
    const head = from ? this.#said.slice(0, this.#said.findLastIndex(({ role }) => role === "user")) : [];
    this.#view = view;
    this.#said = [...head, ...saidIn(view, from).map((one) => keep(one, before.get(one.id)))];
    return this.#said;
  }
}

/** @param {View} view @param {number} from the message to begin with @returns {Said[]} */
function saidIn(view, from) {
  /** @type {Said[]} */
  const said = [];
  /** @type {Map<string, Called>} */
  const calls = new Map();
  for (const message of view.messages.slice(from)) {
    if (message.role === "user") {
      said.push({ role: "user", id: message.submission_id, message });
    } else if (message.role === "assistant") {
      const made = message.tool_calls.map((call) => calledIn(view, call));
      for (const call of made) calls.set(call.id, call);
      lastAnswer(said, message.message_id).steps.push({ message, open: false, calls: made });
    } else {
      const call = calls.get(message.tool_call_id);
      if (call) Object.assign(call, { result: message, arguments: message.arguments ?? call.arguments });
    }
  }
  const { open_message } = view;
  if (open_message) lastAnswer(said, open_message.message_id).steps.push({ message: open_message, open: true, calls: [] });
  const last = said.at(-1);
  if (last?.role === "assistant") last.running = view.state === "running" || view.state === "awaiting_approval";
  return said;
}

/** The answer that what comes next belongs to. @param {Said[]} said @param {string} messageId @returns {Answer} */
function lastAnswer(said, messageId) {
  const last = said.at(-1);
  if (last && last.role === "assistant") return last;
  /** @type {Answer} */
  const answer = { role: "assistant", id: answerTo(last?.id ?? messageId), asked: last ? last.message : null, steps: [], running: false };
  said.push(answer);
  return answer;
}

/** `last`, or its parts, where they are the same. @param {Said} now @param {Said | undefined} last @returns {Said} */
function keep(now, last) {
  if (now.role === "user") return last?.role === "user" && last.message === now.message ? last : now;
  if (last?.role !== "assistant") return now;
  now.steps = now.steps.map((step, place) => {
    const before = last.steps[place];
    return before && step.message === before.message && step.open === before.open && areAlike(step.calls, before.calls) ? before : step;
  });
  const same = now.steps.length === last.steps.length && now.steps.every((step, place) => step === last.steps[place]);
  return same && now.asked === last.asked && now.running === last.running ? last : now;
}

/** @param {Called[]} some @param {Called[]} others */
const areAlike = (some, others) =>
  some.length === others.length &&
  some.every((call, place) => /** @type {(keyof Called)[]} */ (Object.keys(call)).every((name) => call[name] === others[place][name]));

/** @param {View} view @param {Wire.ToolCall} call @returns {Called} */
function calledIn(view, { tool_call_id: id, tool, arguments: given }) {
  const open = view.open_calls.find((one) => one.tool_call_id === id) ?? null;
  const pending = view.pending_approval.find((one) => one.tool_call_id === id) ?? null;
  return { id, tool, arguments: open?.arguments ?? given, pending, open, result: null };
}
