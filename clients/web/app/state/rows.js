// Rows: makes the rows of a conversation from the view, the notes and what is not sent yet. Pure.

/** @import * as Wire from "../../../js/protocol.d.ts" */
/** @import { View } from "../../../js/src/view.js" */
/** @import { Note } from "./notes.js" */

/**
 * One row. `key` stays the same while a row grows, and when a call that was open has its result.
 * @typedef {{ key: string, kind: "user", text: string, turn_id: string, images?: Wire.ImageFile[] }
 *   | { key: string, kind: "assistant", text: string, reasoning: string, sealed: boolean, streaming: boolean, ending?: string, calls?: number }
 *   | { key: string, kind: "tool", tool: string, arguments: Wire.ToolCall["arguments"], malformed?: string, edited: boolean,
 *       state: Wire.OpenCall["state"] | Wire.ToolMessage["state"], output: string, open: boolean, success: boolean,
 *       truncated: boolean, duration_ms: number, tool_call_id: string, steps: Wire.Step[] }
 *   | { key: string, kind: "waiting", text: string, when: "queue" | "steer" | "unsent", id: string, images?: Wire.ImageFile[] }
 *   | { key: string, kind: "failed", text: string, why: string, id: string, images?: Wire.ImageFile[] }
 *   | { key: string, kind: "working" }
 *   | { key: string, kind: "note", note: Note }} Row
 */
/** @typedef {Extract<Row, { kind: "tool" }>} ToolRow */

/** Makes the rows; keeps those of finished messages, so that what has not changed is the same object. */
export class Rows {
  /** @type {Row[]} */
  #finished = [];
  /** @type {Wire.Message[]} */
  #seen = [];
  /** @type {Wire.AssistantMessage | null} */
  #caller = null;

  /**
   * @param {View} view @param {Note[]} notes @param {Wire.Submission[]} unsent
   * @param {{ id: string, text: string, why: string, images?: Wire.ImageFile[] }[]} failed
   * @returns {Row[]}
   */
  make(view, notes, unsent, failed) {
    this.#follow(view.messages);
    const rows = withNotes(this.#finished, notes);
    this.#addOpenCalls(rows, view);
    const open = view.open_message;
    if (open) {
      const { message_id, text, reasoning } = open;
      rows.push({ key: message_id, kind: "assistant", text, reasoning, sealed: false, streaming: true });
    }
    // Between being asked and the first word, and between a result and the next word, something is under way all the same.
    if (view.state === "running" && !open && !view.open_calls.length) rows.push({ key: "working", kind: "working" });
    for (const { submission_id, text, when, images } of view.queued) rows.push({ key: `input-${submission_id}`, kind: "waiting", text, when, id: submission_id, images });
    for (const one of unsent) {
      const id = String(one.id);
      if (one.type !== "user_input" && one.type !== "edit") continue;
      if (view.queued.some((waiting) => waiting.submission_id === id)) continue;
      rows.push({ key: `input-${id}`, kind: "waiting", text: one.text, when: "unsent", id, images: one.images });
    }
    for (const one of failed) rows.push({ key: `failed-${one.id}`, kind: "failed", ...one });
    return rows;
  }

  /** Rows of the messages that were there before stay; others are made anew. @param {Wire.Message[]} messages */
  #follow(messages) {
    let same = Math.min(messages.length, this.#seen.length);
    if (messages[same - 1] !== this.#seen[same - 1] || this.#seen.length > same) {
      same = 0;
      while (same < messages.length && messages[same] === this.#seen[same]) same += 1;
      this.#finished.length = same;
      this.#seen.length = same;
      this.#caller = /** @type {Wire.AssistantMessage | null} */ (this.#seen.findLast((one) => one.role === "assistant") ?? null);
    }
    for (const message of messages.slice(same)) {
      if (message.role === "assistant") this.#caller = message;
      this.#seen.push(message);
      this.#finished.push(rowOf(message, this.#caller));
    }
  }

  /** Calls without a result yet stand where the message asked for them. @param {Row[]} rows @param {View} view */
  #addOpenCalls(rows, view) {
    if (!view.open_calls.length) return;
    const order = new Map(this.#caller?.tool_calls.map((call, number) => [call.tool_call_id, number]));
    const place = (/** @type {Row} */ row) => (row.kind === "tool" ? (order.get(row.tool_call_id) ?? order.size) : order.size);
    let begin = rows.length;
    while (begin > 0 && rows[begin - 1].kind === "tool") begin -= 1;
    const tail = rows.splice(begin);
    for (const call of view.open_calls) tail.push(openRow(call, this.#caller));
    tail.sort((one, other) => place(one) - place(other));
    rows.push(...tail);
  }
}

/** @param {Row[]} finished @param {Note[]} notes @returns {Row[]} */
function withNotes(finished, notes) {
  if (!notes.length) return finished.slice();
  /** @type {Map<string | null, Note[]>} */
  const after = new Map();
  for (const note of notes) after.set(note.after, [...(after.get(note.after) ?? []), note]);
  /** @type {Row[]} */
  const rows = [];
  const add = (/** @type {string | null} */ key) => {
    for (const note of after.get(key) ?? []) rows.push({ key: `note-${note.seq}`, kind: "note", note });
  };
  add(null);
  for (const row of finished) {
    rows.push(row);
    add(row.key);
  }
  return rows;
}

/** @param {Wire.AssistantMessage | null} caller @param {string} id */
const callKey = (caller, id) => `${caller?.message_id ?? ""}/${id}`;

/** By a message's reason to finish: what to tell the user of an answer that is not whole. @type {Record<string, string>} */
const ENDINGS = {
  length: "Cut off here: the model has used all the tokens that it may write.",
  content_filter: "Ended here by the model's refusal, or its provider's content filter.",
  pause_turn: "Paused here by the model's provider. Say “go on”.",
};
const EMPTY = "The model ended here without an answer.";

/** What to tell of how an answer ended; empty: nothing. @param {Wire.AssistantMessage} message */
function endingOf({ text, tool_calls, sealed, finish_reason }) {
  if (sealed) return "";
  return ENDINGS[finish_reason] ?? (text.trim() || tool_calls.length ? "" : EMPTY);
}

/** @param {Wire.Message} message @param {Wire.AssistantMessage | null} caller @returns {Row} */
function rowOf(message, caller) {
  if (message.role === "user") return { key: `input-${message.submission_id}`, kind: "user", text: message.text, turn_id: message.turn_id, images: message.images };
  if (message.role === "assistant") {
    const { message_id, text, reasoning, sealed } = message;
    return { key: message_id, kind: "assistant", text, reasoning, sealed, streaming: false, ending: endingOf(message), calls: message.tool_calls.length };
  }
  const call = caller?.tool_calls.find((call) => call.tool_call_id === message.tool_call_id);
  const { tool_call_id, tool, output, success, truncated, duration_ms, state } = message;
  return {
    key: callKey(caller, tool_call_id),
    kind: "tool",
    tool_call_id,
    tool,
    arguments: message.arguments ?? call?.arguments ?? {},
    malformed: call?.malformed,
    edited: message.arguments !== undefined,
    state,
    output,
    open: false,
    success,
    truncated,
    duration_ms,
    steps: message.steps ?? [],
  };
}

/** @param {Wire.OpenCall} call @param {Wire.AssistantMessage | null} caller @returns {ToolRow} */
function openRow(call, caller) {
  const { tool_call_id, tool, state, edited, log } = call;
  const ended = { success: true, truncated: false, duration_ms: 0, steps: call.steps ?? [] };
  return { key: callKey(caller, tool_call_id), kind: "tool", tool_call_id, tool, arguments: call.arguments, edited, state, output: log, open: true, ...ended };
}

/** The key of the last row that messages make: what comes to pass now is noted behind it. @param {View} view */
export const lastKey = (view) => keyAfter(view.messages, view.messages.length);

/**
 * The key of the row that the first `count` messages end with; null: there is none. What an event says is noted behind the
 * message that was the last one then, whatever came with the event in one piece.
 * @param {Wire.Message[]} messages @param {number} count
 */
export function keyAfter(messages, count) {
  const last = Math.min(count, messages.length) - 1;
  const message = messages[last];
  if (!message) return null;
  if (message.role === "user") return `input-${message.submission_id}`;
  if (message.role === "assistant") return message.message_id;
  const caller = messages.findLast((one, at) => one.role === "assistant" && at < last);
  return callKey(/** @type {Wire.AssistantMessage} */ (caller) ?? null, message.tool_call_id);
}
