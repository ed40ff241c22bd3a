// Client library: how it opens a session: credentials, tickets, sessions made over HTTP, refused upgrades. Run by test_modules.py.

import assert from "node:assert/strict";
import test from "node:test";
import { connect } from "../../../../clients/js/src/holdfast.js";
import { Outside, begun, settled } from "./outside.mjs";

test("it offers the subprotocol and goes to the session's address", () => {
  const { outside } = begun();
  assert.equal(outside.socket.url, "ws://box:7860/ws/s1");
  assert.deepEqual(outside.socket.protocols, ["holdfast.v1.json"]);
});

test("the origin keys go along as subprotocols, and as a header where HTTP is asked", async () => {
  const outside = new Outside();
  outside.keys = ["hfk_a", "hfk_b"];
  outside.answers.push({ status: 201, body: { session_id: "s1" } }, { status: 401 });
  const session = connect({ server: "http://box:7860", environment: outside.environment });
  while (!outside.socket) await settled();
  assert.deepEqual(outside.headers, { "holdfast-key": "hfk_a, hfk_b" });
  assert.deepEqual(outside.socket.protocols, ["holdfast.v1.json", "holdfast.key.hfk_a", "holdfast.key.hfk_b"]);
  outside.end(1006);
  while (session.status.phase !== "ended") await settled();
  assert.equal(session.status.action, "log_in");
  assert.ok(outside.given.every((server) => server.startsWith("http://box:7860")));
});

test("a ticket is asked for before each socket and is its only credential", async () => {
  const tickets = ["one", "two"];
  const { outside, session } = begun({ ticket: async () => tickets.shift() });
  outside.keys = ["hfk_a"];
  await settled();
  assert.deepEqual(outside.socket.protocols, ["holdfast.v1.json", "holdfast.ticket.one"]);
  outside.open();
  outside.end(1001);
  outside.pass(15_000);
  await settled();
  assert.equal(outside.sockets.length, 2);
  assert.deepEqual(outside.socket.protocols, ["holdfast.v1.json", "holdfast.ticket.two"]);
  assert.equal(session.status.phase, "connecting");
});

test("without a ticket there is no socket: it comes back, or says what would help", async () => {
  const answers = [() => { throw new Error("the shop is closed"); }, () => ({ status: 503, message: "busy", retryAfter_ms: 5000 }), () => ({ status: 401, message: "who?", retryAfter_ms: 0 })];
  const { outside, session } = begun({ ticket: async () => answers.shift()() });
  await settled();
  assert.deepEqual([session.status.phase, outside.sockets.length], ["waiting", 0]);
  assert.match(session.status.why, /the shop is closed/);
  outside.pass(1000);
  await settled();
  assert.deepEqual([session.status.phase, session.status.why], ["waiting", "busy"]);
  outside.pass(6000);
  await settled();
  assert.deepEqual([session.status.phase, session.status.action], ["ended", "log_in"]);
});

test("with a ticket a new session is made by its socket", async () => {
  const { outside, session } = begun({ sessionId: null, ticket: async () => "one" });
  await settled();
  assert.equal(outside.socket.url, "ws://box:7860/ws");
  outside.open();
  assert.equal(session.sessionId, "s1");
});

test("a session that is closed while it asks for its ticket can be opened again, and has one socket", async () => {
  const { outside, session } = begun({ ticket: async () => "one" });
  session.close();
  session.open();
  await settled();
  assert.deepEqual([session.status.phase, outside.sockets.length], ["connecting", 1]);
});

test("why an upgrade was refused is asked for over HTTP", async () => {
  for (const [status, phase, action] of [[401, "ended", "log_in"], [404, "ended", "forget"], [403, "ended", "stay_away"], [503, "waiting", null], [200, "waiting", null]]) {
    const { outside, session } = begun();
    outside.answers.push({ status, body: { code: "x", message: "said so" }, headers: status === 503 ? { "retry-after": "7" } : {} });
    outside.end(1006);
    await settled();
    assert.equal(outside.asked, "http://box:7860/api/sessions/s1");
    assert.deepEqual([session.status.phase, session.status.action], [phase, action], status);
    if (status === 200) assert.match(session.status.why, /a proxy in between must pass the headers Upgrade and Connection on/);
    if (status === 503) assert.equal(Math.round((session.status.retry_at - Date.now()) / 1000), 7);
  }
});

test("a session is made over HTTP, which says why where none can be made, and when to ask again", async () => {
  const { outside, session } = begun({ sessionId: null });
  await settled();
  assert.equal(session.status.why, "the server cannot be reached");
  outside.answers.push({ status: 429, body: { code: "too_many_sessions", message: "your 10 sessions are all in use" }, headers: { "retry-after": "7" } });
  outside.pass(250);
  await settled();
  assert.equal(outside.sockets.length, 0);
  assert.deepEqual([session.status.phase, session.status.why], ["waiting", "your 10 sessions are all in use"]);
  session.send({ type: "user_input", text: "kept" });
  outside.answers.push({ status: 201, body: { session_id: "s1" } });
  outside.pass(7_500);
  await settled();
  assert.equal(outside.asked, "http://box:7860/api/sessions");
  assert.equal(outside.socket.url, "ws://box:7860/ws/s1");
  outside.open();
  assert.deepEqual(outside.socket.sent.map((frame) => frame.text), ["kept"]);
});

test("one that said goodbye while its session was being made stays away", async () => {
  const { outside, session } = begun({ sessionId: null });
  await settled();
  outside.answers.push({ status: 201, body: { session_id: "s1" } });
  outside.pass(250);
  assert.equal(session.status.phase, "connecting");
  session.close();
  await settled();
  assert.deepEqual([outside.sockets.length, session.status.phase], [0, "ended"]);
});
