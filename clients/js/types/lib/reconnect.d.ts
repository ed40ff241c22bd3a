export type Action = "stay_away" | "come_back" | "log_in" | "forget";
/**
 * What to do after this close code; null: the socket was cut without one. An unknown private code was made for a reason
 * that this version cannot judge: it stays away.
 * @param {number | null} code
 * @returns {Action}
 */
export declare function afterClose(code: number | null): Action;
/**
 * What to do after the upgrade was refused with this HTTP status.
 * @param {number} status
 * @returns {Action}
 */
export declare function afterDenial(status: number): Action;
export type Backoff = {
    base_ms: number;
    cap_ms: number;
};
/**
 * Exponential backoff with full jitter: a random time between 0 and the step's bound, so that many clients spread out.
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @typedef {{ base_ms: number, cap_ms: number }} Backoff
 */
/** @type {Backoff} */
export declare const DEFAULT_BACKOFF: Backoff;
/**
 * Milliseconds to wait before attempt number `attempt`, counted from 0. `random` gives a number from 0 to 1.
 * @param {Backoff} backoff @param {number} attempt @param {() => number} random
 */
export declare function delayOf(backoff: Backoff, attempt: number, random: () => number): number;
