// Outbox: submissions that have no final answer yet, by id, and when each is due to be sent. Pure.

/** @import { Submission } from "../../protocol.d.ts" */
/** @import { Backoff } from "./reconnect.js" */
import { delayOf } from "./reconnect.js";

/** Submissions that may wait for their answer; below `limits.frames_burst`, since all are sent again at once. */
export const OUTBOX_MAX = 64;
/** How often a submission may be refused for now before the client gives it back. */
const REFUSALS_MAX = 8;
const IN_FLIGHT = Infinity;

/** Something was not taken, here or by the server: it did nothing. */
export class SubmissionRefused extends Error {
  /** @param {string} id @param {string} code @param {string} message @param {boolean} retryable */
  constructor(id, code, message, retryable) {
    super(message);
    this.name = "SubmissionRefused";
    this.id = id;
    this.code = code;
    this.retryable = retryable;
  }
}

/**
 * `due`: when it is to be sent, in milliseconds; never, while its answer is awaited.
 * @typedef {{ submission: Submission & { id: string }, data: string, due: number, refusals: number }} Entry
 */

/** Submissions in the order in which they were made. */
export class Outbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #backoff;
  #random;

  /** @param {Backoff} backoff @param {() => number} random */
  constructor(backoff, random) {
    this.#backoff = backoff;
    this.#random = random;
  }

  /** Those without a final answer, the oldest first. */
  get submissions() {
    return [...this.#entries.values()].map((entry) => entry.submission);
  }

  /** @param {string} id */
  has(id) {
    return this.#entries.has(id);
  }

  /**
   * Keep a submission. Throws `SubmissionRefused` for what the server would refuse unread.
   * @param {Submission & { id: string }} submission @param {number} bytesMax
   */
  add(submission, bytesMax) {
    const { id } = submission;
    const refuse = (/** @type {string} */ code, /** @type {string} */ why, retryable = false) => {
      throw new SubmissionRefused(id, code, why, retryable);
    };
    if (this.#entries.has(id)) refuse("id_conflict", `a submission with the id ${id} is on its way already`);
    if (this.#entries.size >= OUTBOX_MAX) refuse("outbox_full", `${OUTBOX_MAX} submissions wait for an answer already`, true);
    // Texts never hold lone surrogates on the wire: JSON would carry them, the server would refuse them.
    const data = JSON.stringify(submission, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
    const size = new TextEncoder().encode(data).length;
    if (size > bytesMax) refuse("invalid", `this is ${size} bytes long; the server takes ${bytesMax}`);
    this.#entries.set(id, { submission, data, due: 0, refusals: 0 });
  }

  /**
   * The submission is answered for good. Whether it was one of these.
   * @param {string} id
   */
  settle(id) {
    return this.#entries.delete(id);
  }

  /**
   * The submission was refused: milliseconds until it is sent again, or null if it is given up. `busy` is given up too:
   * it speaks of what the session does, and an undo that waits would undo another turn than the one its user saw.
   * @param {string} id @param {string} code @param {boolean} retryable @param {number} now
   */
  refused(id, code, retryable, now) {
    const entry = /** @type {Entry} */ (this.#entries.get(id));
    entry.refusals += 1;
    if (!retryable || code === "busy" || entry.refusals > REFUSALS_MAX) {
      this.#entries.delete(id);
      return null;
    }
    const delay = delayOf(this.#backoff, entry.refusals - 1, this.#random);
    entry.due = now + delay;
    return delay;
  }

  /**
   * What is to be sent now; it is then in flight.
   * @param {number} now
   */
  takeDue(now) {
    const due = [...this.#entries.values()].filter((entry) => entry.due <= now);
    for (const entry of due) entry.due = IN_FLIGHT;
    return due.map((entry) => entry.data);
  }

  /** When something is to be sent; infinity if nothing is. */
  nextDue() {
    return Math.min(...[...this.#entries.values()].map((entry) => entry.due));
  }

  /** The socket is another one: everything is due again. */
  resend() {
    for (const entry of this.#entries.values()) entry.due = 0;
  }
}
