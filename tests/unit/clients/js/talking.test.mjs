// Client library: how a program talks by it: submissions, their answers, events one by one. Run by test_modules.py.

import assert from "node:assert/strict";
import test from "node:test";
import { SessionEnded } from "../../../../clients/js/src/holdfast.js";
import { AT, begun, settled } from "./outside.mjs";

test("a submission is answered over a cut, and those that wait learn of the end", async () => {
  const { outside, session } = begun();
  const answer = session.submit({ type: "user_input", text: "hi", id: "k" });
  assert.deepEqual(session.unsettled.map((one) => one.id), ["k"]);
  outside.open();
  assert.deepEqual(outside.socket.sent, [{ type: "user_input", text: "hi", id: "k" }]);
  outside.end(1006);
  outside.pass(250);
  outside.open(0, true);
  assert.equal(outside.socket.sent.length, 1);
  const accepted = { type: "accepted", seq: 1, at: AT, submission_id: "k", submission: { type: "user_input", id: "k", text: "hi" } };
  outside.say(accepted);
  assert.deepEqual(await answer, accepted);
  const lost = session.submit({ type: "interrupt" });
  outside.end(4404, "deleted");
  await assert.rejects(lost, SessionEnded);
  assert.equal(session.status.action, "forget");
});

test("a refused submission rejects with the server's words", async () => {
  const { outside, session } = begun();
  outside.open();
  const answer = session.submit({ type: "undo", id: "u" });
  outside.say({ type: "refused", id: "u", code: "busy", message: "a turn is running", retryable: true });
  await assert.rejects(answer, { name: "SubmissionRefused", code: "busy" });
});

test("events can be read one by one until the session ends", async () => {
  const { outside, session } = begun();
  const heard = [];
  const reading = (async () => {
    for await (const one of session) if (one.kind === "event") heard.push(one.event.seq);
  })();
  await settled();
  outside.open();
  outside.say({ type: "title_changed", seq: 1, at: AT, title: "a" }, { type: "title_changed", seq: 2, at: AT, title: "b" });
  await settled();
  session.close();
  await reading;
  assert.deepEqual(heard, [1, 2]);
  assert.equal(outside.sockets[0].closed, 1000);
});

test("what an earlier life of the page left unsettled is sent", () => {
  const { outside } = begun({ unsettled: [{ type: "user_input", text: "kept", id: "old" }] });
  outside.open();
  assert.deepEqual(outside.socket.sent.map((one) => one.id), ["old"]);
});
