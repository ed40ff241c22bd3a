import type { Action } from "./reconnect.js";
export type Status = {
    phase: "idle" | "connecting" | "catching_up" | "live" | "waiting" | "ended";
    why: string;
    retry_at: number;
    /**
     * the browser says that there is no network
     */
    offline: boolean;
    action: Action | null;
    caught_up: {
        replayed: number;
        recovered: boolean;
    } | null;
};
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
export declare class SessionEnded extends Error {
    action: Action;
    /** @param {Action} action @param {string} why */
    constructor(action: Action, why: string);
}
