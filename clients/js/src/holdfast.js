// Holdfast, the client library for browsers: one session over as many sockets as it takes. It has no dependencies.
//
//   import { connect } from "/static/holdfast.js";
//   const session = connect({ server: location.origin });             // or sessionId: "..."
//   const accepted = await session.submit({ type: "user_input", text: "hello" });   // resolves over reconnects
//   for await (const item of session) if (item.kind === "event") console.log(item.event, session.view);
//
// The position is committed at `synced` only; what is submitted is sent again by its id until the server has answered.

/** @import * as Wire from "../protocol.d.ts" */
/** @import { Outcome, Verdict } from "./lib/core.js" */
/** @import { Denial } from "./lib/denial.js" */
/** @import { Status } from "./lib/status.js" */
import { SessionCore, SUBPROTOCOL } from "./lib/core.js";
import { makeSession, whyDenied } from "./lib/denial.js";
import { feedOf } from "./lib/feed.js";
import { SubmissionRefused } from "./lib/outbox.js";
import { keySubprotocols, ticketSubprotocol } from "./lib/keys.js";
import { SessionEnded } from "./lib/status.js";
import { browserEnvironment } from "./lib/environment.js";
import { Unchanged } from "./lib/unchanged.js";

export { apply, emptyView, fromSnapshot } from "./view.js";
export { newId } from "./lib/core.js";
export { SessionEnded, SubmissionRefused };

/** How long a socket may take to open. */
const CONNECT_MS = 10_000;
const GOODBYE = 1000;
/** What may bring a session back, or end its socket. */
const CIRCUMSTANCES = ["online", "offline", "pageshow", "visibilitychange"];

/** @typedef {Outcome | { kind: "status", status: Status }} FeedItem */

/** @typedef {import("./lib/options.js").Options} Options */

/** Open a session and keep it open. @param {Options} options */
export function connect(options) {
  const session = new Session(options);
  session.open();
  return session;
}

export class Session {
  #server;
  #environment;
  /** @type {WebSocket | null} */
  #socket = null;
  #connectBy = Infinity;
  /** What is being asked before a socket can be opened. @type {object | null} */
  #asking = null;
  #ticket;
  #unchanged = new Unchanged();
  /** @type {any} */
  #timer = null;
  /** @type {any} */
  #retry = null;
  /** One function for as long as the session lives, so that it can be taken off the events again. @param {Event} event */
  #noticed = ({ type }) => this.#circumstances(type);
  /** @type {Set<(items: FeedItem[]) => void>} */
  #listeners = new Set();
  /** @type {Map<string, { resolve: (accepted: Wire.Accepted) => void, reject: (error: Error) => void }>} */
  #answers = new Map();

  /** @param {Options} options */
  constructor({ server, environment = browserEnvironment(), ticket, unsettled = [], ...given }) {
    this.#server = server.replace(/\/$/, "");
    this.#environment = environment;
    this.#ticket = ticket;
    this.core = new SessionCore(given);
    /** @type {Status} */
    this.status = { phase: "idle", why: "", retry_at: 0, offline: false, action: null, caught_up: null };
    for (const submission of unsettled) this.core.submit(submission);
  }

  /** The result of all events so far. It changes in place; look at it when a listener is called. */
  get view() {
    return this.core.view;
  }

  /** The view in an object that does not change: the same as before for as long as nothing did, and so is each message and other part in it. */
  get unchangedView() {
    return this.#unchanged.of(this.core.view);
  }

  get sessionId() {
    return this.core.sessionId;
  }

  /** Submissions that have no final answer yet, the oldest first. */
  get unsettled() {
    return this.core.outbox.submissions;
  }

  /**
   * Be told what came, once for each message, after all of it is in the view. Gives a function that ends it.
   * @param {(items: FeedItem[]) => void} listener
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What comes from now on, one by one; ends with the session. Throws if the reader falls 10,000 behind. */
  [Symbol.asyncIterator]() {
    return feedOf(this, 10_000);
  }

  /**
   * Submit without waiting; gives the submission's id. Throws `SubmissionRefused`.
   * @param {Wire.Submission} submission
   */
  send(submission) {
    const id = this.core.submit(submission);
    this.#flush();
    this.#notify([]);
    return id;
  }

  /**
   * Submit and wait for the answer, over reconnects. Rejects with `SubmissionRefused` or `SessionEnded`.
   * @param {Wire.Submission} submission
   * @returns {Promise<Wire.Accepted>}
   */
  async submit(submission) {
    const id = this.send(submission);
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  /** Open a socket now, whatever was being waited for; a session that is not there yet is made. After an end it begins again. */
  open() {
    if (this.#socket || this.#asking) return;
    this.#environment.clearTimeout(this.#retry);
    this.#retry = null;
    for (const name of CIRCUMSTANCES) this.#environment.events.addEventListener(name, this.#noticed);
    this.#change({ phase: "connecting" });
    if (this.#ticket) void this.#ask(this.#ticket(), (ticket) => this.#dial([ticketSubprotocol(ticket)]));
    else if (this.core.sessionId === null) void this.#ask(makeSession(this.#server, this.#environment), (id) => this.#made(id));
    else this.#dial(keySubprotocols(this.#environment.keys(this.#server)));
  }

  /**
   * Ask for what a socket needs, and go on unless this was closed meanwhile.
   * @param {Promise<string | Denial>} asked @param {(found: string) => void} then
   */
  async #ask(asked, then) {
    const asking = (this.#asking = {});
    const found = await asked.catch((error) => ({ why: `no ticket could be had: ${error}` }));
    if (this.#asking !== asking) return;
    this.#asking = null;
    if (typeof found === "string") then(found);
    else this.#denied(found);
  }

  /** @param {string} sessionId */
  #made(sessionId) {
    this.core.sessionId = sessionId;
    this.#dial(keySubprotocols(this.#environment.keys(this.#server)));
    this.#notify([{ kind: "status", status: this.status }]);
  }

  /** @param {string[]} credentials subprotocols */
  #dial(credentials) {
    const { WebSocket, now } = this.#environment;
    const socket = new WebSocket(this.#server.replace(/^http/, "ws") + this.core.path, [SUBPROTOCOL, ...credentials]);
    this.#socket = socket;
    this.#connectBy = now() + CONNECT_MS;
    let opened = false;
    const mine = (/** @type {(event: any) => void} */ act) => (/** @type {any} */ event) => this.#socket === socket && act(event);
    socket.onopen = mine(() => {
      opened = true;
      this.#connectBy = Infinity;
      this.core.opened(now());
      this.#change({ phase: "catching_up" });
    });
    socket.onmessage = mine((event) => this.#receive(String(event.data)));
    socket.onclose = mine(({ code, reason }) => {
      this.#socket = null;
      if (opened) this.#after(this.core.lost(code === 1005 || code === 1006 ? null : code, reason));
      else void this.#askWhy();
    });
    socket.onerror = mine(() => opened || socket.onclose?.(/** @type {any} */ ({}))); // in Node 20 and 22 no close comes then
    this.#wake();
  }

  /** Say goodbye. Nothing that runs in the session ends by it. */
  close() {
    this.#leave(GOODBYE);
    this.#after({ action: "stay_away", delay_ms: 0, why: "closed by this client", code: GOODBYE });
  }

  /** Give up the socket, now: one that is dead would never say that it is closed. @param {number} [code] */
  #leave(code) {
    const socket = this.#socket;
    this.#socket = this.#asking = null;
    this.#environment.clearTimeout(this.#timer);
    socket?.close(code);
  }

  /** @param {string} why */
  #drop(why) {
    this.#leave();
    this.#after(this.core.lost(null, why));
  }

  /** @param {string} data */
  #receive(data) {
    const outcomes = this.core.receive(data, this.#environment.now());
    const fault = outcomes.find((outcome) => outcome.kind === "fault");
    const caught = outcomes.find((outcome) => outcome.kind === "caught_up");
    for (const outcome of outcomes) this.#answer(outcome);
    if (caught?.kind === "caught_up") {
      const { replayed, recovered, again } = caught;
      this.status = { ...this.status, phase: "live", why: "", caught_up: again ? { replayed, recovered } : null };
      outcomes.push(/** @type {any} */ ({ kind: "status", status: this.status }));
    }
    this.#flush();
    this.#notify(outcomes);
    if (fault?.kind === "fault") this.#drop(fault.message);
  }

  /** @param {Outcome} outcome */
  #answer(outcome) {
    if (outcome.kind !== "acked" && outcome.kind !== "rejected") return;
    const waiting = this.#answers.get(outcome.id);
    this.#answers.delete(outcome.id);
    if (outcome.kind === "acked") waiting?.resolve(outcome.accepted);
    else waiting?.reject(new SubmissionRefused(outcome.id, outcome.code, outcome.message, outcome.retryable));
  }

  #flush() {
    if (!this.#socket) return;
    for (const data of this.core.dataToSend(this.#environment.now())) this.#socket.send(data);
    this.#wake();
  }

  /** The one timer of an open socket: the watchdog, and what is to be sent later. */
  #wake() {
    const { now, clearTimeout, setTimeout } = this.#environment;
    clearTimeout(this.#timer);
    const due = Math.min(this.#deadline(), this.core.nextSend());
    this.#timer = setTimeout(() => {
      if (!this.#socket) return;
      if (now() < this.#deadline()) this.#flush();
      else this.#drop(this.#connectBy < Infinity ? "the server did not answer" : "nothing was heard for too long");
    }, Math.max(10, due - now()));
  }

  #deadline() {
    return this.#connectBy < Infinity ? this.#connectBy : this.core.deadline;
  }

  /** @param {string} name */
  #circumstances(name) {
    const { online, visible } = this.#environment.condition();
    if (name === "offline" && this.#socket) return this.#drop("the browser is offline");
    if (name === "offline") return this.#change({ offline: true });
    if (!online || !visible) return;
    if (this.status.phase === "waiting") this.open();
    else if (this.#socket) this.#flush(); // which winds the watchdog: timers stand still while a machine sleeps
  }

  /** A browser does not say why an upgrade failed; HTTP does. */
  async #askWhy() {
    const found = await whyDenied(this.#server, this.core.sessionId, this.#environment);
    if (!this.#socket && this.status.phase !== "ended") this.#denied(found);
  }

  /** @param {Denial} found */
  #denied(found) {
    this.#after("status" in found ? this.core.denied(found.status, found.message, found.retryAfter_ms) : this.core.unreachable(found.why));
  }

  /** @param {Verdict} verdict */
  #after({ action, delay_ms, why }) {
    this.#environment.clearTimeout(this.#timer);
    this.#environment.clearTimeout(this.#retry);
    if (action === "come_back") {
      this.#retry = this.#environment.setTimeout(() => this.open(), delay_ms);
      return this.#change({ phase: "waiting", why, retry_at: Date.now() + delay_ms });
    }
    for (const name of CIRCUMSTANCES) this.#environment.events.removeEventListener(name, this.#noticed);
    for (const waiting of this.#answers.values()) waiting.reject(new SessionEnded(action, why));
    this.#answers.clear();
    this.#change({ phase: "ended", why, action });
  }

  /** @param {Partial<Status>} change */
  #change(change) {
    this.status = { ...this.status, action: null, ...change, offline: !this.#environment.condition().online };
    this.#notify([{ kind: "status", status: this.status }]);
  }

  /** @param {FeedItem[]} items */
  #notify(items) {
    this.#unchanged.stale = true;
    for (const listener of this.#listeners) listener(items);
  }
}
