// Core of the client library: what it makes of frames, and what it sends. Run by test_modules.py.

import assert from "node:assert/strict";
import test from "node:test";
import { afterClose, afterDenial, delayOf } from "../../../../clients/js/src/lib/reconnect.js";
import { SessionCore } from "../../../../clients/js/src/lib/core.js";
import { SubmissionRefused } from "../../../../clients/js/src/lib/outbox.js";

const AT = "2026-01-01T00:00:00.000Z";
const LIMITS = { inbound_message_bytes: 1000, heartbeat_s: 15 };
const frames = (...all) => all.map((frame) => JSON.stringify(frame)).join("\n");
const ready = (more = {}) => ({ type: "ready", session_id: "s1", epoch: "e1", seq: 0, recovered: false, state: "idle", model: "m", demo: false, limits: LIMITS, server: "t", ...more });
const snapshot = (seq, more = {}) => ({ type: "snapshot", seq, messages: [], open_message: null, omitted_messages: 0, ...more });
const synced = (seq) => ({ type: "synced", seq });
const title = (seq, name = `t${seq}`) => ({ type: "title_changed", seq, at: AT, title: name });
const accepted = (seq, id) => ({ type: "accepted", seq, at: AT, submission_id: id, submission: { type: "user_input", id, text: "hi" } });
const kinds = (outcomes) => outcomes.map((one) => one.kind);

function live(head = 0, more = {}) {
  const core = new SessionCore({ random: () => 0.5, ...more });
  core.opened(0);
  core.receive(frames(ready({ seq: head }), snapshot(head), synced(head)), 0);
  return core;
}

test("the end of a turn has the text of its last message, where the server left it out", () => {
  const core = live(3);
  const said = { message_id: "m1", text: "Here.", reasoning: "", tool_calls: [], finish_reason: "stop", sealed: false };
  const done = { turn_id: "t1", history_size: 2 };
  const outcomes = core.receive(
    frames({ type: "assistant_message", seq: 4, at: "now", ...said }, { type: "turn_complete", seq: 5, at: "now", ...done }),
    0,
  );
  assert.equal(outcomes.at(-1).event.final_response, "Here.");
});

test("each event of a message tells how many messages there were after it", () => {
  const core = live(3);
  const said = (seq, id) => ({ type: "assistant_message", seq, at: AT, message_id: id, text: id, reasoning: "", tool_calls: [], finish_reason: "stop", sealed: false });
  const outcomes = core.receive(frames(said(4, "a"), title(5), said(6, "b")), 0);
  assert.deepEqual(outcomes.map(({ messages }) => messages), [1, 1, 2]);
});

test("the position is committed at synced, and with every event after it", () => {
  const core = new SessionCore({});
  core.opened(0);
  core.receive(frames(ready({ seq: 3 }), snapshot(3)), 0);
  assert.equal(core.position, null);
  core.receive(frames(synced(3)), 0);
  assert.deepEqual(core.position, { epoch: "e1", seq: 3 });
  core.receive(frames(title(4)), 0);
  assert.deepEqual(core.position, { epoch: "e1", seq: 4 });
  assert.equal(core.path, "/ws/s1?after=4&epoch=e1&final_response=no");
});

test("a replay that is cut commits nothing, and what was folded is skipped when it comes again", () => {
  const core = live(3);
  core.lost(null, "");
  core.opened(0);
  core.receive(frames(ready({ seq: 6, recovered: true }), title(4), title(5)), 0);
  assert.deepEqual(core.position, { epoch: "e1", seq: 3 });
  assert.equal(core.view.title, "t5");
  core.lost(null, "");
  core.opened(0);
  const outcomes = core.receive(frames(ready({ seq: 6, recovered: true }), title(4), title(5), title(6), synced(6)), 0);
  assert.deepEqual(kinds(outcomes), ["connected", "event", "caught_up"]);
  assert.equal(outcomes.at(-1).replayed, 1);
  assert.deepEqual(core.position, { epoch: "e1", seq: 6 });
});

test("what was folded under an epoch that is gone is a fault, and then a snapshot is asked for", () => {
  const core = live(3);
  core.lost(null, "");
  core.opened(0);
  core.receive(frames(ready({ seq: 6, recovered: true }), title(4)), 0);
  core.lost(null, "");
  core.opened(0);
  const [fault] = core.receive(frames(ready({ seq: 6, recovered: true, epoch: "e2" })), 0);
  assert.equal(fault.kind, "fault");
  assert.equal(core.path, "/ws/s1");
});

test("a gap, an event out of order and what is no frame are faults, after which nothing is read", () => {
  for (const bad of [frames(title(2), title(1)), frames(title(5)), "{", "3", frames({ type: 3 }), frames({ type: "x", at: AT, seq: "1" }), frames(synced(0))]) {
    const core = live(0);
    const outcomes = core.receive(bad === frames(title(2), title(1)) ? frames(title(2)) : bad, 0);
    assert.deepEqual(kinds(outcomes), ["fault"], bad);
    assert.deepEqual(core.receive(frames(title(1)), 0), []);
  }
});

test("an event that came merged counts from its first_seq", () => {
  const core = live(2);
  assert.deepEqual(kinds(core.receive(frames({ ...title(7), first_seq: 3 }), 0)), ["event"]);
  assert.deepEqual(kinds(core.receive(frames({ ...title(10), first_seq: 9 }), 0)), ["fault"]);
});

test("frames and events of a later version are taken for what they are", () => {
  const core = live(0);
  const outcomes = core.receive(frames({ type: "of_later" }, { type: "of_later", at: AT, seq: 1 }, title(2)), 0);
  assert.deepEqual(kinds(outcomes), ["event", "event"]);
  assert.equal(core.view.seq, 2);
});

test("a submission is sent once it is live, and again after each cut until it is answered", () => {
  const core = new SessionCore({});
  const id = core.submit({ type: "user_input", text: "hi" });
  assert.deepEqual(core.dataToSend(0), []);
  core.opened(0);
  core.receive(frames(ready(), snapshot(0), synced(0)), 0);
  const [first] = core.dataToSend(0);
  assert.deepEqual(JSON.parse(first), { type: "user_input", text: "hi", id });
  assert.deepEqual(core.dataToSend(0), []);
  core.lost(null, "");
  core.opened(0);
  core.receive(frames(ready({ recovered: true }), synced(0)), 0);
  assert.deepEqual(core.dataToSend(0), [first]);
  assert.deepEqual(kinds(core.receive(frames(accepted(1, id)), 0)), ["event", "acked"]);
  core.lost(null, "");
  core.opened(0);
  core.receive(frames(ready({ seq: 1, recovered: true }), synced(1)), 0);
  assert.deepEqual(core.dataToSend(0), []);
});

test("an answer that was given before settles it without changing the view", () => {
  const core = live(5);
  core.submit({ type: "user_input", text: "hi", id: "k" });
  assert.deepEqual(kinds(core.receive(frames(accepted(2, "k")), 0)), ["acked"]);
  assert.equal(core.view.seq, 5);
});

test("a retryable refusal is sent again later, busy and others are given back", () => {
  const core = live(0);
  for (const id of ["a", "b", "c"]) core.submit({ type: "user_input", text: "hi", id });
  core.dataToSend(0);
  const refused = (id, code, retryable) => ({ type: "refused", id, code, message: "no", retryable });
  const outcomes = core.receive(frames(refused("a", "inbox_full", true), refused("b", "busy", true), refused("c", "invalid", false)), 0);
  assert.deepEqual(kinds(outcomes), ["postponed", "rejected", "rejected"]);
  assert.equal(core.nextSend(), 250);
  assert.deepEqual(core.dataToSend(200), []);
  assert.equal(core.dataToSend(250).length, 1);
});

test("what the server would refuse unread is refused here", () => {
  const core = live(0);
  assert.throws(() => core.submit({ type: "user_input", text: "x".repeat(2000) }), SubmissionRefused);
  core.submit({ type: "user_input", text: "hi", id: "k" });
  assert.throws(() => core.submit({ type: "user_input", text: "hi", id: "k" }), SubmissionRefused);
  for (let number = 1; number < 64; number += 1) core.submit({ type: "interrupt" });
  assert.throws(() => core.submit({ type: "interrupt" }), { code: "outbox_full" });
});

test("a lone surrogate in a text is replaced before it is sent", () => {
  const core = live(0);
  core.submit({ type: "user_input", text: "a\ud800b" });
  assert.equal(JSON.parse(core.dataToSend(0)[0]).text, "a\ufffdb");
});

test("close codes and refusals say what to do", () => {
  const said = { 1000: "stay_away", 1001: "come_back", 1006: "come_back", 1009: "stay_away", 1011: "come_back", 1012: "come_back", 4401: "log_in", 4404: "forget", 4408: "come_back", 4429: "stay_away", 4999: "stay_away", 1002: "stay_away" };
  for (const [code, action] of Object.entries(said)) assert.equal(afterClose(Number(code)), action, code);
  assert.equal(afterClose(null), "come_back");
  const denied = { 400: "stay_away", 401: "log_in", 403: "stay_away", 404: "forget", 429: "come_back", 503: "come_back" };
  for (const [status, action] of Object.entries(denied)) assert.equal(afterDenial(Number(status)), action, status);
});

test("it backs off with full jitter, and begins anew once a socket was good", () => {
  assert.equal(delayOf({ base_ms: 500, cap_ms: 30_000 }, 3, () => 0.5), 2000);
  assert.equal(delayOf({ base_ms: 500, cap_ms: 30_000 }, 99, () => 1), 30_000);
  const core = live(0);
  assert.equal(core.lost(1012, "restart").delay_ms, 250);
  assert.equal(core.unreachable("no").delay_ms, 500);
  assert.equal(core.denied(503, "full", 7000).delay_ms, 8000);
  core.opened(0);
  core.receive(frames(ready({ recovered: true }), synced(0), title(1)), 0);
  assert.equal(core.lost(null, "").delay_ms, 250);
});
