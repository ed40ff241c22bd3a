// Turn: what the answer to one message of the user is, told bit by bit in the chunks of the AI SDK. Pure.

/** @import { UIMessageChunk } from "ai" */
/** @import { Called, Said, Step } from "./said.js" */
/** @import { View } from "../view.js" */
import { answerTo, lastQuestion } from "./said.js";

/** How the turn ended, as an event said, which the view does not keep. @typedef {{ type: "error", errorText: string } | { type: "abort", reason: string }} Ending */

export class Turn {
  #id;
  /** @type {string | null} */
  #turn = null;
  /** What was told of each step. @type {Told[]} */
  #told = [];
  #begun;
  /** Calls that were answered here, though the view may not say so yet. @type {Set<string>} */
  #answered;

  /**
   * @param {string} submissionId of the user's message
   * @param {{ answered?: string[] }} [more] `answered`: calls to which the answers are on their way; the stream then goes on with an answer that was begun
   */
  constructor(submissionId, { answered } = {}) {
    this.#id = submissionId;
    this.#begun = answered !== undefined;
    this.#answered = new Set(answered);
  }

  /**
   * What is new since the last time. `over`: nothing comes any more in this stream; the turn may wait for approvals.
   * @param {View} view @param {readonly Said[]} said the conversation in this view @param {Ending | null} ending
   * @returns {{ chunks: UIMessageChunk[], over: boolean }}
   */
  next(view, said, ending) {
    /** @type {UIMessageChunk[]} */
    const chunks = [];
    const question = view.messages.findLast((message) => message.role === "user" && message.submission_id === this.#id);
    if (question?.role !== "user") return { chunks: ending ? [ending] : [], over: ending !== null || this.#turn !== null };
    this.#turn = question.turn_id;
    if (!this.#begun) chunks.push({ type: "start", messageId: answerTo(this.#id) });
    this.#begun = true;
    const answer = said.find((one) => one.id === answerTo(this.#id));
    if (answer?.role === "assistant") answer.steps.forEach((step, place) => this.#step(place, step, chunks));
    for (const id of this.#answered) if (!view.pending_approval.some((call) => call.tool_call_id === id)) this.#answered.delete(id);
    const waits = view.pending_approval.some((call) => !this.#answered.has(call.tool_call_id));
    const over = view.turn_id !== question.turn_id || lastQuestion(view) !== question || waits;
    if (over || ending) chunks.push(ending ?? { type: "finish", finishReason: waits ? "tool-calls" : "stop" });
    return { chunks, over: over || ending !== null };
  }

  /** @param {number} place @param {Step} step @param {UIMessageChunk[]} chunks */
  #step(place, step, chunks) {
    const told = (this.#told[place] ??= new Told());
    if (!told.begun) chunks.push({ type: "start-step" });
    else if (told.isOtherThan(step)) {
      this.#told[place] = new Told();
      chunks.push({ type: "reset-step" });
    }
    this.#told[place].tell(step, chunks);
  }
}

/** What was told of one step. */
class Told {
  begun = false;
  /** @type {Record<"text" | "reasoning", { text: string, ended: boolean }>} */
  #texts = { reasoning: { text: "", ended: false }, text: { text: "", ended: false } };
  /** @type {Map<string, { call: Called, pending: boolean }>} */
  #calls = new Map();

  /** Whether a text is not what was told, and what came after it: then all is told anew. @param {Step} step */
  isOtherThan({ message }) {
    return !message.text.startsWith(this.#texts.text.text) || !message.reasoning.startsWith(this.#texts.reasoning.text);
  }

  /** @param {Step} step @param {UIMessageChunk[]} chunks */
  tell({ message, open, calls }, chunks) {
    this.begun = true;
    for (const kind of /** @type {const} */ (["reasoning", "text"])) {
      const told = this.#texts[kind];
      const id = `${message.message_id}-${kind}`;
      if (message[kind].length > told.text.length) {
        if (!told.text) chunks.push({ type: `${kind}-start`, id });
        chunks.push({ type: `${kind}-delta`, id, delta: message[kind].slice(told.text.length) });
        told.text = message[kind];
      }
      const ended = told.text !== "" && !told.ended && (!open || (kind === "reasoning" && message.text !== ""));
      if (ended) chunks.push({ type: `${kind}-end`, id });
      told.ended ||= ended;
    }
    for (const call of calls) this.#tellCall(call, chunks);
  }

  /** @param {Called} call @param {UIMessageChunk[]} chunks */
  #tellCall(call, chunks) {
    const { id: toolCallId, tool: toolName, arguments: input, pending, result } = call;
    const told = this.#calls.get(toolCallId);
    if (!told || told.call.arguments !== input) chunks.push({ type: "tool-input-available", toolCallId, toolName, input, dynamic: true });
    if (pending && !told?.pending) chunks.push({ type: "tool-approval-request", approvalId: toolCallId, toolCallId, reason: pending.reason });
    if (result && !told?.call.result) {
      if (result.state === "rejected") chunks.push({ type: "tool-output-denied", toolCallId });
      else if (result.success) chunks.push({ type: "tool-output-available", toolCallId, output: result.output, dynamic: true });
      else chunks.push({ type: "tool-output-error", toolCallId, errorText: result.output, dynamic: true });
    }
    this.#calls.set(toolCallId, { call, pending: pending !== null || told?.pending === true });
  }
}
