import type { Submission } from "../../protocol.d.ts";
import type { Backoff } from "./reconnect.js";
/** Submissions that may wait for their answer; below `limits.frames_burst`, since all are sent again at once. */
export declare const OUTBOX_MAX = 64;
/** Something was not taken, here or by the server: it did nothing. */
export declare class SubmissionRefused extends Error {
    id: string;
    code: string;
    retryable: boolean;
    /** @param {string} id @param {string} code @param {string} message @param {boolean} retryable */
    constructor(id: string, code: string, message: string, retryable: boolean);
}
export type Entry = {
    submission: Submission & {
        id: string;
    };
    data: string;
    due: number;
    refusals: number;
};
/**
 * `due`: when it is to be sent, in milliseconds; never, while its answer is awaited.
 * @typedef {{ submission: Submission & { id: string }, data: string, due: number, refusals: number }} Entry
 */
/** Submissions in the order in which they were made. */
export declare class Outbox {
    #private;
    /** @param {Backoff} backoff @param {() => number} random */
    constructor(backoff: Backoff, random: () => number);
    /** Those without a final answer, the oldest first. */
    get submissions(): (Submission & {
        id: string;
    })[];
    /** @param {string} id */
    has(id: string): boolean;
    /**
     * Keep a submission. Throws `SubmissionRefused` for what the server would refuse unread.
     * @param {Submission & { id: string }} submission @param {number} bytesMax
     */
    add(submission: Submission & {
        id: string;
    }, bytesMax: number): void;
    /**
     * The submission is answered for good. Whether it was one of these.
     * @param {string} id
     */
    settle(id: string): boolean;
    /**
     * The submission was refused: milliseconds until it is sent again, or null if it is given up. `busy` is given up too:
     * it speaks of what the session does, and an undo that waits would undo another turn than the one its user saw.
     * @param {string} id @param {string} code @param {boolean} retryable @param {number} now
     */
    refused(id: string, code: string, retryable: boolean, now: number): number | null;
    /**
     * What is to be sent now; it is then in flight.
     * @param {number} now
     */
    takeDue(now: number): string[];
    /** When something is to be sent; infinity if nothing is. */
    nextDue(): number;
    /** The socket is another one: everything is due again. */
    resend(): void;
}
