// Client library, with a clock and a network that the test controls: watchdog, reconnecting, offline, close. Run by test_node.py.

import assert from "node:assert/strict";
import test from "node:test";
import { connect, SessionEnded } from "../../../../clients/js/src/holdfast.js";

const AT = "2026-01-01T00:00:00.000Z";
const LIMITS = { inbound_message_bytes: 1000, heartbeat_s: 10 };

/** The network's stand-in: sockets that the test opens, speaks on and closes; a clock it moves. */
class Outside {
  now = 0;
  timers = new Map();
  sockets = [];
  events = new EventTarget();
  online = true;
  answers = [];
  keys = [];
  given = [];
  #ids = 0;

  get environment() {
    const outside = this;
    class Socket {
      constructor(url, protocols) {
        Object.assign(this, { url, protocols, sent: [], closed: null });
        outside.sockets.push(this);
      }
      send(data) { this.sent.push(JSON.parse(data)); }
      close(code) { this.closed = code ?? true; }
    }
    return {
      WebSocket: Socket,
      fetch: async (url, init) => {
        const answer = this.answers.shift();
        if (!answer) throw new TypeError("unreachable");
        this.asked = url;
        this.headers = init.headers;
        return new Response(JSON.stringify(answer.body ?? {}), { status: answer.status, headers: answer.headers });
      },
      now: () => this.now,
      setTimeout: (run, ms) => (this.timers.set(++this.#ids, { run, due: this.now + ms }), this.#ids),
      clearTimeout: (id) => this.timers.delete(id),
      events: this.events,
      keys: (server) => (this.given.push(server), this.keys),
      condition: () => ({ online: this.online, visible: true }),
    };
  }

  get socket() { return this.sockets.at(-1); }

  pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const [id, next] = [...this.timers].sort(([, a], [, b]) => a.due - b.due)[0] ?? [];
      if (!next || next.due > end) break;
      this.timers.delete(id);
      this.now = Math.max(this.now, next.due);
      next.run();
    }
    this.now = end;
  }

  open(head = 0, recovered = false) {
    this.socket.onopen({});
    const ready = { type: "ready", session_id: "s1", epoch: "e1", seq: head, recovered, state: "idle", model: "m", demo: false, limits: LIMITS, server: "t" };
    const snapshot = { type: "snapshot", seq: head, messages: [], open_message: null, omitted_messages: 0 };
    this.say(ready, ...(recovered ? [] : [snapshot]), { type: "synced", seq: head });
  }

  say(...frames) { this.socket.onmessage({ data: frames.map((frame) => JSON.stringify(frame)).join("\n") }); }
  end(code, reason = "") { this.socket.onclose({ code, reason }); }
}

function begun(more = {}) {
  const outside = new Outside();
  const session = connect({ server: "http://box:7860", sessionId: "s1", environment: outside.environment, random: () => 0.5, ...more });
  return { outside, session };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

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

test("a server that cannot be reached is tried again", async () => {
  const { outside, session } = begun();
  outside.end(1006);
  await settled();
  assert.equal(session.status.phase, "waiting");
  outside.pass(250);
  assert.equal(outside.sockets.length, 2);
});

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
