import type * as Wire from "../../protocol.d.ts";
import type { Action, Backoff } from "./reconnect.js";
import type { View } from "../view.js";
import { Outbox } from "./outbox.js";
export declare const SUBPROTOCOL = "holdfast.v1.json";
export type Position = {
    epoch: string;
    seq: number;
};
export type Verdict = {
    action: Action;
    delay_ms: number;
    why: string;
    code: number | null;
};
export type Outcome = {
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
};
/** One client of one session, over as many sockets as it takes. `now` is monotonic, in milliseconds. */
export declare class SessionCore {
    #private;
    sessionId: string | null;
    position: Position | null;
    view: View;
    /** @type {Pick<Wire.Limits, "inbound_message_bytes" | "heartbeat_s"> & Partial<Wire.Limits>} */
    limits: Pick<Wire.Limits, "inbound_message_bytes" | "heartbeat_s"> & Partial<Wire.Limits>;
    /** @type {Wire.Ready | null} */
    ready: Wire.Ready | null;
    omitted_messages: number;
    outbox: Outbox;
    /**
     * A `position` to begin from needs the `view` that stands there; `{epoch: "", seq: 0}` asks for the whole journal.
     * @param {{ sessionId?: string | null, position?: Position | null, view?: View, backoff?: Backoff, random?: () => number }} given
     */
    constructor({ sessionId, position, view, backoff, random }: {
        sessionId?: string | null;
        position?: Position | null;
        view?: View;
        backoff?: Backoff;
        random?: () => number;
    });
    /** Whether the view is up to date and submissions are sent at once. */
    get live(): boolean;
    /** When the socket is to be taken for dead if nothing more is heard. */
    get deadline(): number;
    get heardAt(): number;
    /** Where the next socket goes, below the server. */
    get path(): string;
    /** @param {number} now */
    opened(now: number): void;
    /**
     * Take one websocket message. A `fault` is the last outcome; what comes after it is not read.
     * @param {string} data @param {number} now
     * @returns {Outcome[]}
     */
    receive(data: string, now: number): Outcome[];
    /**
     * Take a submission, to be sent until it is answered; gives its id, made here where it has none.
     * @param {Wire.Submission} submission
     */
    submit(submission: Wire.Submission): string;
    /** The frames that are due, each to be sent as one message. @param {number} now */
    dataToSend(now: number): string[];
    /** When `dataToSend` will have something; infinity if nothing is due before something else happens. */
    nextSend(): number;
    /** The socket ended, with this close code or without one. @param {number | null} code @param {string} reason */
    lost(code: number | null, reason: string): Verdict;
    /** The upgrade was refused. @param {number} status @param {string} message @param {number} retryAfter_ms */
    denied(status: number, message: string, retryAfter_ms?: number): Verdict;
    /** No socket could be opened. @param {string} why */
    unreachable(why: string): Verdict;
}
/** A random name. Not `crypto.randomUUID`: browsers have that on secure origins alone. */
export declare function newId(): string;
