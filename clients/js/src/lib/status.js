// Status: the state of the connection, and the error with which a session ends.

/** @import { Action } from "./reconnect.js" */

/**
 * What the connection is. `waiting`: it comes back at `retry_at` (as `Date.now()` counts); `ended`: it does not by itself,
 * and `action` says what would help. `caught_up` tells how the last gap was closed.
 * @typedef {object} Status
 * @property {"idle" | "connecting" | "catching_up" | "live" | "waiting" | "ended"} phase
 * @property {string} why
 * @property {number} retry_at
 * @property {boolean} offline the browser says that there is no network
 * @property {Action | null} action
 * @property {{ replayed: number, recovered: boolean } | null} caught_up
 */
/** The session's end; nothing that waits will be answered. */
export class SessionEnded extends Error {
  /** @param {Action} action @param {string} why */
  constructor(action, why) {
    super(why);
    this.name = "SessionEnded";
    this.action = action;
  }
}
