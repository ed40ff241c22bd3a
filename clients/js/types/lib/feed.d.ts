import type { Session } from "../holdfast.js";
/** @import { FeedItem, Session } from "../holdfast.js" */
/** What comes from now on, until the session ends. @param {Session} session @param {number} most items that may wait */
export declare function feedOf(session: Session, most: number): AsyncGenerator<{
    kind: "connected";
    recovered: boolean;
    again: boolean;
    ready: import("../../protocol.js").Ready;
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
    event: import("../../protocol.js").Event;
    messages: number;
} | {
    kind: "acked";
    id: string;
    accepted: import("../../protocol.js").Accepted;
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
    status: import("./status.js").Status;
}, void, unknown>;
