// Turns as chunks of the AI SDK, and the conversation that they are made of, without the SDK. Run by test_modules.py.

import assert from "node:assert/strict";
import test from "node:test";
import { Conversation } from "../../../../clients/js/src/adapters/said.js";
import { Turn } from "../../../../clients/js/src/adapters/turn.js";
import { Unchanged } from "../../../../clients/js/src/lib/unchanged.js";
import { apply, emptyView } from "../../../../clients/js/src/view.js";

/** A session with a turn that answers `s1`; `tell` gives what each event makes of chunks. */
function begun(more) {
  const view = emptyView();
  const unchanged = new Unchanged();
  const conversation = new Conversation();
  const turn = new Turn("s1", more);
  const said = () => {
    unchanged.stale = true;
    return conversation.of(unchanged.of(view));
  };
  const tell = (event, ending = null) => {
    apply(view, { at: "2026-01-01T00:00:00Z", seq: view.seq + 1, ...event });
    const list = said();
    return turn.next(unchanged.of(view), list, ending);
  };
  return { view, said, tell };
}

const ACCEPTED = { type: "accepted", submission_id: "s1", submission: { type: "user_input", id: "s1", text: "hello" } };
const PROCESSING = { type: "processing", turn_id: "t1", submission_id: "s1" };
const chunk = (offset, text, kind = "text", message_id = "m1") => ({ type: "assistant_chunk", message_id, kind, offset, text });
const message = (text, tool_calls = []) => ({ type: "assistant_message", message_id: "m1", text, reasoning: "", tool_calls, finish_reason: "stop", sealed: false });
const CALL = { tool_call_id: "c1", tool: "write", arguments: { path: "a" } };

test("nothing is told until the turn begins; then text, its end, and that all is over", () => {
  const { tell } = begun();
  assert.deepEqual(tell(ACCEPTED), { chunks: [], over: false });
  assert.deepEqual(tell(PROCESSING).chunks, [{ type: "start", messageId: "s1-answer" }]);
  assert.deepEqual(tell(chunk(0, "Hel")).chunks, [
    { type: "start-step" },
    { type: "text-start", id: "m1-text" },
    { type: "text-delta", id: "m1-text", delta: "Hel" },
  ]);
  assert.deepEqual(tell(chunk(3, "lo")).chunks, [{ type: "text-delta", id: "m1-text", delta: "lo" }]);
  assert.deepEqual(tell(message("Hello")).chunks, [{ type: "text-end", id: "m1-text" }]);
  assert.deepEqual(tell({ type: "turn_complete", turn_id: "t1" }), { chunks: [{ type: "finish", finishReason: "stop" }], over: true });
});

test("a text that is taken back is told anew, in its step", () => {
  const { tell } = begun();
  tell(ACCEPTED);
  tell(PROCESSING);
  tell(chunk(0, "Hello"));
  assert.deepEqual(tell(chunk(1, "i")).chunks, [
    { type: "reset-step" },
    { type: "text-start", id: "m1-text" },
    { type: "text-delta", id: "m1-text", delta: "Hi" },
  ]);
});

test("reasoning ends where text begins", () => {
  const { tell } = begun();
  tell(ACCEPTED);
  tell(PROCESSING);
  tell(chunk(0, "Hm.", "reasoning"));
  assert.deepEqual(tell(chunk(0, "Yes.")).chunks.map((one) => one.type), ["reasoning-end", "text-start", "text-delta"]);
});

test("a call that asks ends the stream; the one with its answer goes on where that ended", () => {
  const asked = [ACCEPTED, PROCESSING, message("", [CALL]), { type: "tool_call", turn_id: "t1", ...CALL }];
  const waits = { type: "approval_required", turn_id: "t1", tools: [{ ...CALL, reason: "it writes" }] };
  const first = begun();
  asked.forEach((event) => first.tell(event));
  assert.deepEqual(first.tell(waits), {
    chunks: [
      { type: "tool-approval-request", approvalId: "c1", toolCallId: "c1", reason: "it writes" },
      { type: "finish", finishReason: "tool-calls" },
    ],
    over: true,
  });

  const second = begun({ answered: ["c1"] });
  [...asked, waits].forEach((event) => second.tell(event));
  assert.equal(second.tell({ type: "tool_state_change", tool_call_id: "c1", state: "running" }).over, false);
  const output = { type: "tool_output", tool_call_id: "c1", output: "done", success: true, truncated: false, duration_ms: 1 };
  assert.deepEqual(second.tell(output), { chunks: [{ type: "tool-output-available", toolCallId: "c1", output: "done", dynamic: true }], over: false });
});

test("an error ends the stream after the text that came before it", () => {
  const { tell } = begun();
  tell(ACCEPTED);
  tell(PROCESSING);
  const ending = { type: "error", errorText: "no model" };
  const { chunks, over } = tell(message("Half"), ending);
  assert.deepEqual(chunks.map((one) => one.type), ["start-step", "text-start", "text-delta", "text-end", "error"]);
  assert.ok(over);
});

test("an input that joins the turn ends the stream: what follows answers that one", () => {
  const { tell, said } = begun();
  tell(ACCEPTED);
  tell(PROCESSING);
  tell(message("One"));
  tell({ type: "accepted", submission_id: "s2", submission: { type: "user_input", id: "s2", text: "and?", when: "steer" } });
  assert.ok(tell({ type: "input_joined", turn_id: "t1", submission_id: "s2" }).over);
  tell({ ...message("Two"), message_id: "m2" });
  assert.deepEqual(said().map(({ id }) => id), ["s1", "s1-answer", "s2", "s2-answer"]);
});

test("what was said before keeps its identity while an answer grows", () => {
  const { tell, said } = begun();
  tell(ACCEPTED);
  tell(PROCESSING);
  tell(message("One"));
  tell({ type: "turn_complete", turn_id: "t1" });
  tell({ type: "accepted", submission_id: "s2", submission: { type: "user_input", id: "s2", text: "more" } });
  tell({ type: "processing", turn_id: "t2", submission_id: "s2" });
  tell(chunk(0, "Tw", "text", "m2"));
  const before = said();
  tell(chunk(2, "o", "text", "m2"));
  const after = said();
  assert.deepEqual(after.map((one, place) => one === before[place]), [true, true, true, false]);
  assert.equal(after[3].steps[0].message.text, "Two");
});
