// Reconnecting: what a client does after each close code and HTTP refusal, and how long it waits. Pure.

/** @typedef {"stay_away" | "come_back" | "log_in" | "forget"} Action */

/** @type {Record<number, Action>} */
const BY_CLOSE_CODE = {
  1000: "stay_away",
  1001: "come_back",
  1009: "stay_away",
  1011: "come_back",
  1012: "come_back",
  4401: "log_in",
  4404: "forget",
  4408: "come_back",
  4429: "stay_away",
  // RFC 6455 section 7.4.1 and the IANA registry: what the same bytes would bring about again.
  1002: "stay_away",
  1003: "stay_away",
  1007: "stay_away",
  1008: "stay_away",
  1010: "stay_away",
};
const FIRST_PRIVATE_CODE = 4000;

/**
 * What to do after this close code; null: the socket was cut without one. An unknown private code was made for a reason
 * that this version cannot judge: it stays away.
 * @param {number | null} code
 * @returns {Action}
 */
export function afterClose(code) {
  if (code === null) return "come_back";
  return BY_CLOSE_CODE[code] ?? (code >= FIRST_PRIVATE_CODE ? "stay_away" : "come_back");
}

/**
 * What to do after the upgrade was refused with this HTTP status.
 * @param {number} status
 * @returns {Action}
 */
export function afterDenial(status) {
  if (status === 401) return "log_in";
  if (status === 404 || status === 410) return "forget";
  return status === 429 || status >= 500 ? "come_back" : "stay_away";
}

/**
 * Exponential backoff with full jitter: a random time between 0 and the step's bound, so that many clients spread out.
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @typedef {{ base_ms: number, cap_ms: number }} Backoff
 */

/** @type {Backoff} */
export const DEFAULT_BACKOFF = { base_ms: 500, cap_ms: 30_000 };

/**
 * Milliseconds to wait before attempt number `attempt`, counted from 0. `random` gives a number from 0 to 1.
 * @param {Backoff} backoff @param {number} attempt @param {() => number} random
 */
export function delayOf(backoff, attempt, random) {
  return random() * Math.min(backoff.cap_ms, backoff.base_ms * 2 ** Math.min(attempt, 32));
}
