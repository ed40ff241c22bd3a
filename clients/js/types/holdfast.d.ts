import type * as Wire from "../protocol.d.ts";
import type { Outcome } from "./lib/core.js";
import type { Status } from "./lib/status.js";
/** @import * as Wire from "../protocol.d.ts" */
/** @import { Outcome, Verdict } from "./lib/core.js" */
/** @import { Denial } from "./lib/denial.js" */
/** @import { Status } from "./lib/status.js" */
import { SessionCore } from "./lib/core.js";
import { SubmissionRefused } from "./lib/outbox.js";
import { SessionEnded } from "./lib/status.js";
export { apply, emptyView, fromSnapshot } from "./view.js";
export { newId } from "./lib/core.js";
export { SessionEnded, SubmissionRefused };
export type FeedItem = Outcome | {
    kind: "status";
    status: Status;
};
export type Options = import("./lib/options.js").Options;
/** @typedef {Outcome | { kind: "status", status: Status }} FeedItem */
/** @typedef {import("./lib/options.js").Options} Options */
/** Open a session and keep it open. @param {Options} options */
export declare function connect(options: Options): Session;
export declare class Session {
    #private;
    core: SessionCore;
    /** @type {Status} */
    status: Status;
    /** @param {Options} options */
    constructor({ server, environment, ticket, unsettled, ...given }: Options);
    /** The result of all events so far. It changes in place; look at it when a listener is called. */
    get view(): import("./view.js").View;
    /** The view in an object that does not change: the same as before for as long as nothing did, and so is each message and other part in it. */
    get unchangedView(): import("./view.js").View;
    get sessionId(): string | null;
    /** Submissions that have no final answer yet, the oldest first. */
    get unsettled(): (Wire.Submission & {
        id: string;
    })[];
    /**
     * Be told what came, once for each message, after all of it is in the view. Gives a function that ends it.
     * @param {(items: FeedItem[]) => void} listener
     */
    listen(listener: (items: FeedItem[]) => void): () => undefined;
    /** What comes from now on, one by one; ends with the session. Throws if the reader falls 10,000 behind. */
    [Symbol.asyncIterator](): AsyncGenerator<{
        kind: "connected";
        recovered: boolean;
        again: boolean;
        ready: Wire.Ready;
    } | {
        kind: "view_reset";
        omitted_messages: number;
    } | {
        kind: "caught_up";
        seq: number;
        replayed: number;
        recovered: boolean;
        again: boolean;
    } | {
        kind: "event";
        event: Wire.Event;
        messages: number;
    } | {
        kind: "acked";
        id: string;
        accepted: Wire.Accepted;
    } | {
        kind: "rejected";
        id: string;
        code: string;
        message: string;
        retryable: boolean;
    } | {
        kind: "postponed";
        id: string;
        code: string;
        message: string;
        delay_ms: number;
    } | {
        kind: "fault";
        message: string;
    } | {
        kind: "status";
        status: Status;
    }, void, unknown>;
    /**
     * Submit without waiting; gives the submission's id. Throws `SubmissionRefused`.
     * @param {Wire.Submission} submission
     */
    send(submission: Wire.Submission): string;
    /**
     * Submit and wait for the answer, over reconnects. Rejects with `SubmissionRefused` or `SessionEnded`.
     * @param {Wire.Submission} submission
     * @returns {Promise<Wire.Accepted>}
     */
    submit(submission: Wire.Submission): Promise<Wire.Accepted>;
    /** Open a socket now, whatever was being waited for; a session that is not there yet is made. After an end it begins again. */
    open(): void;
    /** Say goodbye. Nothing that runs in the session ends by it. */
    close(): void;
}
