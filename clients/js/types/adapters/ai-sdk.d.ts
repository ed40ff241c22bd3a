import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { Session } from "../holdfast.js";
import type { View } from "../view.js";
export type Chat = {
    messages: UIMessage[];
    readonly status: string;
    resumeStream: () => Promise<void>;
};
/** What a chat of the AI SDK has that is used here. @typedef {{ messages: UIMessage[], readonly status: string, resumeStream: () => Promise<void> }} Chat */
/** The session as the SDK sees its server. @implements {ChatTransport<UIMessage>} */
export declare class HoldfastChatTransport implements ChatTransport<UIMessage> {
    #private;
    session: Session;
    /** A turn that is resumed is told from its beginning. */
    resumeStreamIsReplay: boolean;
    /** @param {Session} session */
    constructor(session: Session);
    /**
     * Say what the user says, or answer the calls that wait; gives the answer as it comes. What was said before is edited.
     * @param {Parameters<ChatTransport<UIMessage>["sendMessages"]>[0]} options
     * @returns {Promise<ReadableStream<UIMessageChunk>>}
     */
    sendMessages({ messages, abortSignal }: Parameters<ChatTransport<UIMessage>["sendMessages"]>[0]): Promise<ReadableStream<UIMessageChunk>>;
    /**
     * The answer that is being given, from its beginning; null: there is none.
     * @param {Parameters<ChatTransport<UIMessage>["reconnectToStream"]>[0]} options
     * @returns {Promise<ReadableStream<UIMessageChunk> | null>}
     */
    reconnectToStream({ abortSignal }: Parameters<ChatTransport<UIMessage>["reconnectToStream"]>[0]): Promise<ReadableStream<UIMessageChunk> | null>;
}
/**
 * The messages of a view. Those that did not change are the same objects as in the last one of the same session.
 * @param {View} view one that does not change
 */
export declare function toUIMessages(view: View): UIMessage<any, import("ai").UIDataTypes, import("ai").UITools>[];
/** For `sendAutomaticallyWhen`: every call of the last message that asked has its answer. @param {{ messages: UIMessage[] }} chat */
export declare function approvalsAnswered({ messages }: {
    messages: UIMessage[];
}): boolean;
/**
 * Keep a chat's messages those of the session: what was said before, in other tabs and while nobody looked; a turn that runs is streamed. Gives
 * a function that ends it. The chat needs a `HoldfastChatTransport` of the session.
 * @param {Chat} chat @param {Session} session
 */
export declare function follow(chat: Chat, session: Session): () => void;
