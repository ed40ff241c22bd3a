// What is outside of the client library, in the hands of a test: a network and a clock.

import { connect } from "../../../../clients/js/src/holdfast.js";

export const AT = "2026-01-01T00:00:00.000Z";
const LIMITS = { inbound_message_bytes: 1000, heartbeat_s: 10 };

/** The network's stand-in: sockets that the test opens, speaks on and closes; a clock it moves. */
export class Outside {
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

export function begun(more = {}) {
  const outside = new Outside();
  const session = connect({ server: "http://box:7860", sessionId: "s1", environment: outside.environment, random: () => 0.5, ...more });
  return { outside, session };
}

export const settled = () => new Promise((resolve) => setImmediate(resolve));
