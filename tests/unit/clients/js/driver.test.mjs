// Client library: how it keeps a socket: watchdog, reconnecting, offline, close. Run by test_modules.py.

import assert from "node:assert/strict";
import test from "node:test";
import { connect } from "../../../../clients/js/src/holdfast.js";
import { AT, Outside, begun, settled } from "./outside.mjs";

test("an error before a socket is open is its end: in Node.js 20 and 22 nothing else comes", async () => {
  const { outside, session } = begun();
  outside.socket.onerror({});
  await settled();
  assert.equal(session.status.phase, "waiting");
  outside.pass(1000);
  outside.open();
  outside.socket.onerror({});
  assert.equal(session.status.phase, "live", "after that a close comes");
});

test("a socket on which nothing is heard for two heartbeats is given up and replaced", () => {
  const { outside, session } = begun();
  outside.open();
  outside.pass(15_000);
  outside.say({ type: "heartbeat", seq: 0 });
  outside.pass(19_000);
  assert.equal(session.status.phase, "live");
  outside.pass(2_000);
  assert.equal(outside.sockets[0].closed, true);
  assert.match(session.status.why, /nothing was heard/);
  assert.equal(outside.sockets.length, 2);
  assert.equal(outside.socket.url, "ws://box:7860/ws/s1?after=0&epoch=e1&final_response=no");
});

test("a socket that does not open in time is given up", () => {
  const { outside, session } = begun();
  outside.pass(9_999);
  assert.equal(outside.socket.closed, null);
  outside.pass(1);
  assert.equal(outside.sockets[0].closed, true);
  assert.match(session.status.why, /did not answer/);
});

test("what an abandoned socket still says is not heard", () => {
  const { outside, session } = begun();
  outside.open();
  const first = outside.socket;
  outside.pass(21_000);
  first.onmessage({ data: JSON.stringify({ type: "title_changed", seq: 1, at: AT, title: "late" }) });
  first.onclose({ code: 1000, reason: "" });
  assert.equal(session.view.title, "");
  assert.notEqual(session.status.phase, "ended");
});

test("a cut is followed by a wait that is told, and by the position", () => {
  const { outside, session } = begun();
  outside.open();
  outside.say({ type: "title_changed", seq: 1, at: AT, title: "t" });
  outside.end(1006);
  assert.equal(session.status.phase, "waiting");
  assert.ok(session.status.retry_at > Date.now());
  outside.pass(250);
  assert.equal(outside.socket.url, "ws://box:7860/ws/s1?after=1&epoch=e1&final_response=no");
  outside.open(1, true);
  assert.deepEqual(session.status.caught_up, { replayed: 0, recovered: true });
});

test("offline is told at once, and online ends the wait at once", () => {
  const { outside, session } = begun();
  outside.open();
  outside.online = false;
  outside.events.dispatchEvent(new Event("offline"));
  assert.equal(session.status.phase, "waiting");
  assert.equal(session.status.offline, true);
  outside.online = true;
  outside.events.dispatchEvent(new Event("online"));
  assert.equal(session.status.phase, "connecting");
  assert.equal(session.status.offline, false);
});

test("a page that is seen again after its machine slept looks at its socket at once", () => {
  const { outside } = begun();
  outside.open();
  outside.now += 3_600_000; // timers stood still
  outside.events.dispatchEvent(new Event("visibilitychange"));
  outside.pass(20);
  assert.equal(outside.sockets[0].closed, true);
});

test("a server that cannot be reached is tried again", async () => {
  const { outside, session } = begun();
  outside.end(1006);
  await settled();
  assert.equal(session.status.phase, "waiting");
  outside.pass(250);
  assert.equal(outside.sockets.length, 2);
});

test("a broken server is left with a fault, and a snapshot is asked for", () => {
  const { outside, session } = begun();
  outside.open();
  outside.say({ type: "title_changed", seq: 9, at: AT, title: "gap" });
  assert.equal(session.status.phase, "waiting");
  assert.match(session.status.why, /missing/);
});

test("a session that ended or was closed listens to nothing more, and one that begins again does", () => {
  const outside = new Outside();
  const listening = new Map();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  outside.events.addEventListener = function (name, listener) { listening.set(name, new Set([...(listening.get(name) ?? []), listener])); addEventListener.call(this, name, listener); };
  outside.events.removeEventListener = function (name, listener) { listening.get(name)?.delete(listener); removeEventListener.call(this, name, listener); };
  const count = () => [...listening.values()].reduce((sum, one) => sum + one.size, 0);
  const session = connect({ server: "https://example.test", sessionId: "s", environment: outside.environment });
  assert.equal(count(), 4);
  session.close();
  assert.equal(count(), 0);
  session.open();
  assert.equal(count(), 4);
  session.close();
  assert.equal(count(), 0);
});
