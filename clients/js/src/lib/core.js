// Core of the session client: frames in, outcomes out; holds position, view and outbox. Pure: no I/O and no clock.

/** @import * as Wire from "../../protocol.d.ts" */
/** @import { Action, Backoff } from "./reconnect.js" */
/** @import { View } from "../view.js" */
import { apply, emptyView, fromSnapshot } from "../view.js";
import { afterClose, afterDenial, DEFAULT_BACKOFF, delayOf } from "./reconnect.js";
import { Outbox } from "./outbox.js";

export const SUBPROTOCOL = "holdfast.v1.json";
/** After this many heartbeats' time without a word the socket is taken for dead. */
const SILENCE_HEARTBEATS = 2;
/** Until `ready` says the server's own. */
const FIRST_LIMITS = { inbound_message_bytes: 1_048_576, heartbeat_s: 15 };

/**
 * Where the view stands: it has everything up to `seq` of `epoch`. (anything, 0) is before the first event.
 * @typedef {{ epoch: string, seq: number }} Position
 */
/**
 * What to do now that there is no socket; `delay_ms` matters for `come_back`.
 * @typedef {{ action: Action, delay_ms: number, why: string, code: number | null }} Verdict
 */
/**
 * What came of a frame. `messages` of an event: how many the view had right after it.
 * @typedef {{ kind: "connected", recovered: boolean, again: boolean, ready: Wire.Ready }
 *   | { kind: "view_reset", omitted_messages: number }
 *   | { kind: "caught_up", seq: number, replayed: number, recovered: boolean, again: boolean }
 *   | { kind: "event", event: Wire.Event, messages: number }
 *   | { kind: "acked", id: string, accepted: Wire.Accepted }
 *   | { kind: "rejected", id: string, code: string, message: string, retryable: boolean }
 *   | { kind: "postponed", id: string, code: string, message: string, delay_ms: number }
 *   | { kind: "fault", message: string }} Outcome
 */

class ProtocolFault extends Error {}

/** One client of one session, over as many sockets as it takes. `now` is monotonic, in milliseconds. */
export class SessionCore {
  /** @type {"away" | "opened" | "awaiting_snapshot" | "catching_up" | "live" | "faulty"} */
  #phase = "away";
  #epoch;
  #sockets = 0;
  #replayed = 0;
  #recovered = false;
  #failures = 0;
  #heardAt = 0;
  #backoff;
  #random;

  /**
   * A `position` to begin from needs the `view` that stands there; `{epoch: "", seq: 0}` asks for the whole journal.
   * @param {{ sessionId?: string | null, position?: Position | null, view?: View, backoff?: Backoff, random?: () => number }} given
   */
  constructor({ sessionId = null, position = null, view = emptyView(), backoff = DEFAULT_BACKOFF, random = Math.random }) {
    if (position && position.seq !== view.seq) throw new RangeError(`the view stands at ${view.seq}, the position at ${position.seq}`);
    this.sessionId = sessionId;
    this.position = position;
    this.view = view;
    /** @type {Pick<Wire.Limits, "inbound_message_bytes" | "heartbeat_s"> & Partial<Wire.Limits>} */
    this.limits = FIRST_LIMITS;
    /** @type {Wire.Ready | null} */
    this.ready = null;
    this.omitted_messages = 0;
    this.#epoch = position?.epoch ?? "";
    this.#backoff = backoff;
    this.#random = random;
    this.outbox = new Outbox(backoff, random);
  }

  /** Whether the view is up to date and submissions are sent at once. */
  get live() {
    return this.#phase === "live";
  }

  /** When the socket is to be taken for dead if nothing more is heard. */
  get deadline() {
    return this.#heardAt + SILENCE_HEARTBEATS * this.limits.heartbeat_s * 1000;
  }

  get heardAt() {
    return this.#heardAt;
  }

  /** Where the next socket goes, below the server. */
  get path() {
    const path = this.sessionId === null ? "/ws" : `/ws/${encodeURIComponent(this.sessionId)}`;
    if (this.position === null) return path;
    const { seq, epoch } = this.position;
    return `${path}?after=${seq}${epoch ? `&epoch=${encodeURIComponent(epoch)}` : ""}&final_response=no`;
  }

  /** @param {number} now */
  opened(now) {
    this.#phase = "opened";
    this.#heardAt = now;
  }

  /**
   * Take one websocket message. A `fault` is the last outcome; what comes after it is not read.
   * @param {string} data @param {number} now
   * @returns {Outcome[]}
   */
  receive(data, now) {
    /** @type {Outcome[]} */
    const outcomes = [];
    if (this.#phase === "away" || this.#phase === "faulty") return outcomes;
    this.#heardAt = now;
    try {
      for (const line of data.split("\n")) {
        if (line) this.#take(readFrame(line), now, outcomes);
      }
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      this.#phase = "faulty";
      outcomes.push({ kind: "fault", message: error.message });
    }
    return outcomes;
  }

  /**
   * Take a submission, to be sent until it is answered; gives its id, made here where it has none.
   * @param {Wire.Submission} submission
   */
  submit(submission) {
    const id = submission.id ?? newId();
    this.outbox.add({ ...submission, id }, this.limits.inbound_message_bytes);
    return id;
  }

  /** The frames that are due, each to be sent as one message. @param {number} now */
  dataToSend(now) {
    return this.live ? this.outbox.takeDue(now) : [];
  }

  /** When `dataToSend` will have something; infinity if nothing is due before something else happens. */
  nextSend() {
    return this.live ? this.outbox.nextDue() : Infinity;
  }

  /** The socket ended, with this close code or without one. @param {number | null} code @param {string} reason */
  lost(code, reason) {
    const why = code === null ? reason || "the connection was cut" : `closed with ${code} ${reason}`.trimEnd();
    return this.#ended(afterClose(code), why, 0, code);
  }

  /** The upgrade was refused. @param {number} status @param {string} message @param {number} retryAfter_ms */
  denied(status, message, retryAfter_ms = 0) {
    return this.#ended(afterDenial(status), message, retryAfter_ms, null);
  }

  /** No socket could be opened. @param {string} why */
  unreachable(why) {
    return this.#ended("come_back", why, 0, null);
  }

  /** @param {Action} action @param {string} why @param {number} least_ms @param {number | null} code @returns {Verdict} */
  #ended(action, why, least_ms, code) {
    this.#phase = "away";
    this.outbox.resend();
    const delay = delayOf(this.#backoff, this.#failures, this.#random);
    this.#failures += 1;
    // A server that names a time names it to everybody: the jitter comes on top.
    return { action, delay_ms: least_ms + delay, why, code };
  }

  /** @param {Wire.Frame} frame @param {number} now @param {Outcome[]} outcomes */
  #take(frame, now, outcomes) {
    if ("at" in frame) return this.#event(frame, outcomes);
    switch (frame.type) {
      case "ready": outcomes.push(this.#ready(frame)); return;
      case "snapshot":
        this.#need("awaiting_snapshot", "snapshot");
        this.view = fromSnapshot(frame);
        this.position = null;
        this.omitted_messages = frame.omitted_messages;
        this.#phase = "catching_up";
        outcomes.push({ kind: "view_reset", omitted_messages: frame.omitted_messages });
        return;
      case "synced":
        this.#need("catching_up", "synced");
        outcomes.push(this.#synced(frame));
        return;
      case "heartbeat":
        if (!this.live) return;
        this.#failures = 0;
        if (frame.seq > this.view.seq) throw new ProtocolFault(`a heartbeat stands at ${frame.seq}, the last event was ${this.view.seq}`);
        return;
      case "refused": outcomes.push(this.#refused(frame, now)); return;
    }
  }

  /** @param {string} phase @param {string} frame */
  #need(phase, frame) {
    if (this.#phase !== phase) throw new ProtocolFault(`\`${frame}\` came out of order (${this.#phase})`);
  }

  /** @param {Wire.Ready} ready @returns {Outcome} */
  #ready(ready) {
    this.#need("opened", "ready");
    if (this.sessionId !== null && this.sessionId !== ready.session_id) {
      throw new ProtocolFault(`asked for the session ${this.sessionId}, got ${ready.session_id}`);
    }
    if (ready.recovered) this.#checkRecovered(ready);
    this.sessionId = ready.session_id;
    this.limits = ready.limits;
    this.ready = ready;
    if (ready.recovered && this.view.seq === 0) this.view.model = ready.model;
    this.#epoch = ready.epoch;
    this.#replayed = 0;
    this.#recovered = ready.recovered;
    this.#phase = ready.recovered ? "catching_up" : "awaiting_snapshot";
    this.#sockets += 1;
    return { kind: "connected", recovered: ready.recovered, again: this.#sockets > 1, ready };
  }

  /**
   * Events heard on a socket that ended before `synced` are past the position, and are good in their own epoch alone.
   * @param {Wire.Ready} ready
   */
  #checkRecovered(ready) {
    const position = this.position;
    this.position = null;
    if (position === null) throw new ProtocolFault("the server recovered a position it was not told");
    if (ready.seq < position.seq) throw new ProtocolFault(`the server recovered ${position.seq} and stands at ${ready.seq}`);
    if (this.view.seq !== position.seq && this.#epoch !== ready.epoch) {
      throw new ProtocolFault("events heard before the last cut belong to a past that is gone");
    }
    this.position = position;
  }

  /** @param {Wire.Synced} synced @returns {Outcome} */
  #synced(synced) {
    if (synced.seq !== this.view.seq) {
      this.position = null;
      throw new ProtocolFault(`\`synced\` stands at ${synced.seq}, the last event was ${this.view.seq}`);
    }
    this.position = { epoch: this.#epoch, seq: synced.seq };
    this.#phase = "live";
    return { kind: "caught_up", seq: synced.seq, replayed: this.#replayed, recovered: this.#recovered, again: this.#sockets > 1 };
  }

  /** @param {Wire.Refused} refused @param {number} now @returns {Outcome} */
  #refused({ id = "", code, message, retryable }, now) {
    if (this.outbox.has(id)) {
      const delay_ms = this.outbox.refused(id, code, retryable, now);
      if (delay_ms !== null) return { kind: "postponed", id, code, message, delay_ms };
    }
    return { kind: "rejected", id, code, message, retryable };
  }

  /** @param {Wire.Event} event @param {Outcome[]} outcomes */
  #event(event, outcomes) {
    if (this.#phase !== "live" && this.#phase !== "catching_up") throw new ProtocolFault(`an event came out of order (${this.#phase})`);
    const first = event.first_seq ?? event.seq;
    if (first > this.view.seq + 1) throw new ProtocolFault(`events are missing: ${this.view.seq + 1} to ${first - 1}`);
    if (event.seq > this.view.seq) {
      const before = this.view.seq;
      apply(this.view, event);
      if (this.live) {
        this.position = { epoch: this.#epoch, seq: this.view.seq };
        this.#failures = 0;
      } else {
        this.#replayed += this.view.seq - before;
      }
      if (event.type === "turn_complete") event.final_response ||= lastAnswer(this.view);
      outcomes.push({ kind: "event", event, messages: this.view.messages.length });
    }
    if (event.type === "accepted" && this.outbox.settle(event.submission_id)) {
      outcomes.push({ kind: "acked", id: event.submission_id, accepted: event });
    }
  }
}

/** The text of the model's newest message, which `turn_complete` repeats where it was not asked to leave it out. @param {View} view */
const lastAnswer = (view) => view.messages.findLast((message) => message.role === "assistant")?.text ?? "";

/** A random name. Not `crypto.randomUUID`: browsers have that on secure origins alone. */
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} line @returns {Wire.Frame} */
function readFrame(line) {
  /** @type {any} */
  let frame;
  try {
    frame = JSON.parse(line);
  } catch (error) {
    throw new ProtocolFault(`the server sent what is no JSON: ${error}`);
  }
  const sound = frame !== null && typeof frame === "object" && typeof frame.type === "string";
  if (!sound || ("at" in frame && !Number.isSafeInteger(frame.seq))) throw new ProtocolFault("the server sent what is no frame");
  return frame;
}
