// What the page makes of a view and of tools' words, before any element is made. Run by test_node.py.

import assert from "node:assert/strict";
import test from "node:test";
import { lastKey, Rows } from "../../clients/web/app/items.js";
import { noteOf } from "../../clients/web/app/notes.js";
import { asMarkdown } from "../../clients/web/app/export.js";
import { changeOf, commandOf, diff, gist, isPatch, tableOf, terminalText, writtenFile } from "../../clients/web/app/shapes.js";
import { emptyView } from "../../clients/web/view.js";

const user = (id) => ({ role: "user", text: id, submission_id: id, turn_id: `turn-${id}` });
const assistant = (id, ...calls) => ({ role: "assistant", message_id: id, text: id, reasoning: "", tool_calls: calls.map((call) => ({ tool_call_id: call, tool: "t", arguments: { call } })), finish_reason: "stop", sealed: false });
const result = (id) => ({ role: "tool", tool_call_id: id, tool: "t", output: "out", success: true, truncated: false, duration_ms: 1, state: "completed" });
const open = (id) => ({ tool_call_id: id, tool: "t", arguments: {}, state: "running", log: "", edited: false });
const keys = (rows) => rows.map((row) => row.key);

test("a call keeps its row and its place from being asked for to its result", () => {
  const view = { ...emptyView(), messages: [user("u"), assistant("m", "a", "b")], open_calls: [open("a"), open("b")] };
  const rows = new Rows();
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["said-u", "m", "m/a", "m/b"]);
  view.messages.push(result("b"));
  view.open_calls = [open("a")];
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["said-u", "m", "m/a", "m/b"]);
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
  assert.deepEqual(keys(third), ["said-u", "n"]);
});

test("the open message becomes the finished one under the same key", () => {
  const view = { ...emptyView(), messages: [user("u")], open_message: { message_id: "m", text: "half", reasoning: "" } };
  const rows = new Rows();
  assert.deepEqual(rows.make(view, [], [], []).map((row) => row.streaming), [undefined, true]);
  view.open_message = null;
  view.messages.push(assistant("m"));
  assert.deepEqual(keys(rows.make(view, [], [], [])), ["said-u", "m"]);
});

test("what was said and not accepted is shown once, whichever list it is in", () => {
  const view = { ...emptyView(), queued: [{ submission_id: "q", text: "q", when: "queue" }] };
  const unsent = [{ type: "user_input", id: "q", text: "q" }, { type: "user_input", id: "n", text: "n" }, { type: "undo", id: "x" }];
  const rows = new Rows().make(view, [], unsent, [{ id: "f", text: "f", why: "no" }]);
  assert.deepEqual(keys(rows), ["said-q", "said-n", "failed-f"]);
});

test("a note stands behind its row, and leaves with it", () => {
  const view = { ...emptyView(), messages: [user("u"), assistant("m")] };
  const note = noteOf({ type: "error", seq: 9, code: "model_timeout", message: "slow", retryable: true, turn_id: "t" }, "m");
  const rows = new Rows();
  assert.deepEqual(keys(rows.make(view, [note], [], [])), ["said-u", "m", "note-9"]);
  assert.ok(note.advice && note.retry && note.tone === "bad");
  view.messages.pop();
  assert.deepEqual(keys(rows.make(view, [note], [], [])), ["said-u"]);
});

test("a diff says what went and what came", () => {
  assert.deepEqual(diff("a\nb\nc", "a\nx\nc").map(({ kind, text }) => kind[0] + text), ["sa", "ob", "nx", "sc"]);
  assert.deepEqual(changeOf({ path: "p", old_string: "a", new_string: "b" })?.map((line) => line.kind), ["old", "new"]);
  assert.equal(changeOf({ path: "p" }), null);
  assert.ok(isPatch("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y"));
  assert.ok(!isPatch("-- no"));
});

test("terminal output loses its escapes and keeps its last words", () => {
  assert.equal(terminalText("\u001b[31mred\u001b[0m 10%\r 50%\r100%\r\ndone\u001b]0;title\u0007"), "100%\ndone");
});

test("rows of JSON become a table, and other JSON does not", () => {
  assert.deepEqual(tableOf('[{"a":1,"b":null},{"a":{"c":2}}]'), { columns: ["a", "b"], rows: [["1", ""], ['{"c":2}', ""]], more: 0 });
  assert.equal(tableOf('{"rows":[{"x":1}]}')?.columns[0], "x");
  for (const text of ["[1,2]", "{}", "[", "text", "[[1]]", "null", '{"rows":null}']) assert.equal(tableOf(text), null, text);
});

test("a call is told in few words, with its command or its file", () => {
  assert.equal(gist("bash", { command: "ls\npwd" }), "ls");
  assert.equal(commandOf("read", { command: "x" }), null);
  assert.equal(writtenFile("write", { path: "a/b.txt" }), "a/b.txt");
  assert.equal(writtenFile("read", { path: "a/b.txt" }), null);
});

test("in an export no output ends its own block", () => {
  const view = { ...emptyView(), messages: [assistant("m", "a"), { ...result("a"), output: "```\n# not a heading" }] };
  assert.match(asMarkdown(view), /````\n```\n# not a heading\n````/);
});
