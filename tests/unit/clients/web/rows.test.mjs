// Rows, notes and export: what the page makes of a view before it makes elements. Run by test_node.py.

import assert from "node:assert/strict";
import test from "node:test";
import { keyAfter, lastKey, Rows } from "../../../../clients/web/app/state/rows.js";
import { answeredElsewhere, noteOf } from "../../../../clients/web/app/state/notes.js";
import { PromptHistory, promptsOf } from "../../../../clients/web/app/composer/history.js";
import { asMarkdown } from "../../../../clients/web/app/api/export.js";
import { emptyView } from "../../../../clients/js/src/view.js";

const user = (id) => ({ role: "user", text: id, submission_id: id, turn_id: `turn-${id}` });
const assistant = (id, ...calls) => ({ role: "assistant", message_id: id, text: id, reasoning: "", tool_calls: calls.map((call) => ({ tool_call_id: call, tool: "t", arguments: { call } })), finish_reason: "stop", sealed: false });
const result = (id) => ({ role: "tool", tool_call_id: id, tool: "t", output: "out", success: true, truncated: false, duration_ms: 1, state: "completed" });
const open = (id) => ({ tool_call_id: id, tool: "t", arguments: {}, state: "running", log: "", edited: false });
const keys = (rows) => rows.map((row) => row.key);

test("a call keeps its row and its place from being asked for to its result", () => {
  const view = { ...emptyView(), messages: [user("u"), assistant("m", "a", "b")], open_calls: [open("a"), open("b")] };
  const rows = new Rows();
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["input-u", "m", "m/a", "m/b"]);
  view.messages.push(result("b"));
  view.open_calls = [open("a")];
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["input-u", "m", "m/a", "m/b"]);
  assert.equal(lastKey(view), "m/b");
});

test("rows of finished messages stay the same objects", () => {
  const view = { ...emptyView(), messages: [user("u"), assistant("m")] };
  const rows = new Rows();
  const first = rows.make(view, [], [], []);
  view.messages.push(user("v"));
  const second = rows.make(view, [], [], []);
  assert.ok(first.every((row, number) => row === second[number]));
  view.messages.splice(1, 2, assistant("n"));
  const third = rows.make(view, [], [], []);
  assert.equal(third[0], first[0]);
  assert.deepEqual(keys(third), ["input-u", "n"]);
});

test("an answer that is not whole says why, and one that the user stopped does not say it twice", () => {
  const cut = { ...assistant("m"), finish_reason: "length" };
  const view = { ...emptyView(), messages: [cut, { ...cut, message_id: "n", sealed: true }, assistant("o")] };
  const endings = new Rows().make(view, [], [], []).map((row) => row.ending);
  assert.match(endings[0], /used all the tokens/);
  assert.deepEqual(endings.slice(1), ["", ""]);
});

test("the open message becomes the finished one under the same key", () => {
  const view = { ...emptyView(), messages: [user("u")], open_message: { message_id: "m", text: "half", reasoning: "" } };
  const rows = new Rows();
  assert.deepEqual(rows.make(view, [], [], []).map((row) => row.streaming), [undefined, true]);
  view.open_message = null;
  view.messages.push(assistant("m"));
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["input-u", "m"]);
});

test("between being asked and the first word something is shown to be under way", () => {
  const view = { ...emptyView(), state: "running", messages: [user("u")] };
  const rows = new Rows();
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["input-u", "working"]);
  view.open_message = { message_id: "m", text: "", reasoning: "" };
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["input-u", "m"]);
});

test("a sub-agent's steps stay with their call when it ends", () => {
  const steps = [{ step_id: "1", tool: "read", arguments: {}, output: "x", success: true }];
  const view = { ...emptyView(), messages: [assistant("m", "a")], open_calls: [{ ...open("a"), steps }] };
  const rows = new Rows();
  assert.equal(rows.make(view, [], [], [])[1].steps, steps);
  view.open_calls = [];
  view.messages.push({ ...result("a"), steps });
  assert.equal(rows.make(view, [], [], [])[1].steps, steps);
});

test("what was said and not accepted is shown once, whichever list it is in", () => {
  const view = { ...emptyView(), queued: [{ submission_id: "q", text: "q", when: "queue" }] };
  const unsent = [{ type: "user_input", id: "q", text: "q" }, { type: "user_input", id: "n", text: "n" }, { type: "undo", id: "x" }];
  const rows = new Rows().make(view, [], unsent, [{ id: "f", text: "f", why: "no" }]);
  assert.deepEqual(keys(rows), ["input-q", "input-n", "failed-f"]);
});

test("a call that somebody else answered is told, and one answered here is not", () => {
  const event = { type: "tool_state_change", seq: 1, tool_call_id: "a", tool: "bash", state: "approved", by: "user" };
  assert.equal(answeredElsewhere(event, new Set()), "bash was approved elsewhere.");
  assert.equal(answeredElsewhere(event, new Set(["a"])), null);
  assert.equal(answeredElsewhere({ ...event, by: "policy" }, new Set()), null);
  assert.equal(answeredElsewhere({ ...event, state: "running" }, new Set()), null);
});

test("a note stands behind its row, and leaves with it", () => {
  const view = { ...emptyView(), messages: [user("u"), assistant("m")] };
  const note = noteOf({ type: "error", seq: 9, code: "model_timeout", message: "slow", retryable: true, turn_id: "t" }, "m");
  const rows = new Rows();
  assert.deepEqual(keys(rows.make(view, [note], [], [])), ["input-u", "m", "note-9"]);
  assert.deepEqual([note.advice, note.retry, note.tone], ["", true, "bad"]);
  assert.match(noteOf({ type: "error", seq: 9, code: "max_iterations", message: "many", retryable: true, turn_id: "t" }, "m").advice, /go on/);
  view.messages.pop();
  assert.deepEqual(keys(rows.make(view, [note], [], [])), ["input-u"]);
});

test("in an export no output ends its own block", () => {
  const view = { ...emptyView(), messages: [assistant("m", "a"), { ...result("a"), output: "```\n# not a heading" }] };
  assert.match(asMarkdown(view), /````\n```\n# not a heading\n````/);
});

test("what an event says is noted behind the message that was the last one then", () => {
  const messages = [user("u"), assistant("m", "a"), result("a"), user("v"), assistant("n", "a")];
  assert.deepEqual([0, 1, 2, 3, 4, 9].map((count) => keyAfter(messages, count)), [null, "input-u", "m", "m/a", "input-v", "n"]);
});

test("an answer that is empty says so, and one that only calls tools does not", () => {
  const [empty, calling] = new Rows().make({ ...emptyView(), messages: [{ ...assistant("m"), text: " " }, { ...assistant("n", "a"), text: "" }] }, [], [], []);
  assert.match(empty.ending, /without an answer/);
  assert.equal(calling.ending, "");
});

test("the arrow keys go through what was said before, and leave what is being written", () => {
  const texts = promptsOf([user("one"), assistant("m"), user("two"), user("two"), user("three")]);
  assert.deepEqual(texts, ["three", "two", "one"]);
  const history = new PromptHistory();
  const steps = [["", 1], ["three", 1], ["two", 1], ["one", 1], ["one", -1], ["two", -1], ["three", -1], ["", -1]];
  assert.deepEqual(steps.map(([now, step]) => history.step(texts, step, now)), ["three", "two", "one", null, "two", "three", "", null]);
  assert.equal(history.step(texts, 1, "half a thought"), null);
  assert.equal(history.step(texts, 1, ""), "three");
  assert.equal(history.step(texts, 1, "three, changed"), null);
});
