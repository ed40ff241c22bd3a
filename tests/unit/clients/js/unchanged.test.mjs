// Views that do not change: what stays the same keeps its identity, what changes gets a new one. Run by test_modules.py.

import assert from "node:assert/strict";
import test from "node:test";
import { Unchanged } from "../../../../clients/js/src/lib/unchanged.js";
import { apply, emptyView, fromSnapshot } from "../../../../clients/js/src/view.js";

const AT = "2026-01-01T00:00:00Z";

class Told {
  view = emptyView();
  #unchanged = new Unchanged();

  get now() {
    this.#unchanged.stale = true;
    return this.#unchanged.of(this.view);
  }

  apply(...events) {
    for (const event of events) apply(this.view, { at: AT, seq: this.view.seq + 1, ...event });
    return this.now;
  }

  say(id, text) {
    return this.apply(
      { type: "accepted", submission_id: id, submission: { type: "user_input", id, text } },
      { type: "processing", turn_id: `turn-${id}`, submission_id: id },
    );
  }

  answer(id, text, tool_calls = []) {
    return this.apply({ type: "assistant_message", message_id: id, text, reasoning: "", tool_calls, finish_reason: "stop", sealed: false });
  }

  chunk(offset, text) {
    return this.apply({ type: "assistant_chunk", message_id: "m9", kind: "text", offset, text });
  }
}

const calls = ["a", "b"].map((tool_call_id) => ({ tool_call_id, tool: "bash", arguments: { command: "ls" } }));

function withCalls() {
  const told = new Told();
  told.say("s1", "hello");
  told.answer("m1", "", calls);
  told.apply(...calls.map((call) => ({ type: "tool_call", turn_id: "turn-s1", ...call })));
  return told;
}

test("a view in which nothing changed is the same object", () => {
  const told = new Told();
  const first = told.say("s1", "hello");
  assert.equal(told.now, first);
  assert.notEqual(told.chunk(0, "x"), first);
});

test("text that comes changes the open message alone, and no view that was given before", () => {
  const told = new Told();
  told.say("s1", "hello");
  const before = told.chunk(0, "Hel");
  const after = told.chunk(3, "lo");
  assert.equal(before.open_message.text, "Hel");
  assert.equal(after.open_message.text, "Hello");
  for (const name of Object.keys(after)) {
    if (!["seq", "open_message"].includes(name)) assert.equal(after[name], before[name], name);
  }
});

test("a message keeps its identity when others come, before it too, and when it is told anew", () => {
  const told = withCalls();
  const before = told.now.messages;
  const [, second] = [told.apply({ type: "tool_output", tool_call_id: "b", output: "2", success: true, truncated: false, duration_ms: 1 }), told.now.messages];
  assert.deepEqual(second.slice(0, 2).map((one, place) => one === before[place]), [true, true]);
  const third = told.apply({ type: "tool_output", tool_call_id: "a", output: "1", success: true, truncated: false, duration_ms: 1 }).messages;
  assert.deepEqual(third.map((one) => one.tool_call_id), [undefined, undefined, "a", "b"]);
  assert.equal(third[3], second[2]);

  told.view = fromSnapshot(JSON.parse(JSON.stringify({ type: "snapshot", omitted_messages: 0, ...told.view })));
  assert.equal(told.now.messages, third);
  assert.equal(told.say("s2", "more").messages[3], second[2]);
});

test("a message that says something else after a snapshot is another object", () => {
  const told = new Told();
  told.say("s1", "hello");
  const before = told.answer("m1", "one").messages;
  const copy = JSON.parse(JSON.stringify({ type: "snapshot", omitted_messages: 0, ...told.view }));
  copy.messages[1].text = "two";
  told.view = fromSnapshot(copy);
  const after = told.now.messages;
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  assert.equal(before[1].text, "one");
});

test("the log of one call leaves the others as they are, also when a call before it ends", () => {
  const told = withCalls();
  const [a, b] = told.now.open_calls;
  const after = told.apply({ type: "tool_log", tool_call_id: "b", offset: 0, text: "..." }).open_calls;
  assert.equal(after[0], a);
  assert.deepEqual([b.log, after[1].log], ["", "..."]);
  const left = told.apply({ type: "tool_output", tool_call_id: "a", output: "1", success: true, truncated: false, duration_ms: 1 }).open_calls;
  assert.equal(left.length, 1);
  assert.equal(left[0], after[1]);
});
