// AI SDK: a transport for `Chat` and `useChat`, and what keeps a chat's messages those of the session, wherever a turn began.

/** @import { ChatTransport, UIMessage, UIMessageChunk } from "ai" */
/** @import { FeedItem, Session } from "../holdfast.js" */
/** @import { Called, Said } from "./said.js" */
/** @import { Ending } from "./turn.js" */
/** @import { View } from "../view.js" */
import { newId, SubmissionRefused } from "../holdfast.js";
import { Conversation, lastQuestion, runningQuestion } from "./said.js";
import { Turn } from "./turn.js";

/** How often a chat that is busy is looked at, which does not say when it is done. */
const BUSY_MS = 20;
const ID_MAX = 64;

/** What a chat of the AI SDK has that is used here. @typedef {{ messages: UIMessage[], readonly status: string, resumeStream: () => Promise<void> }} Chat */

/** The session as the SDK sees its server. @implements {ChatTransport<UIMessage>} */
export class HoldfastChatTransport {
  /** A turn that is resumed is told from its beginning. */
  resumeStreamIsReplay = true;
  #conversation = new Conversation();

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
  }

  /**
   * Say what the user says, or answer the calls that wait; gives the answer as it comes. What was said before is edited.
   * @param {Parameters<ChatTransport<UIMessage>["sendMessages"]>[0]} options
   * @returns {Promise<ReadableStream<UIMessageChunk>>}
   */
  async sendMessages({ messages, abortSignal }) {
    const last = messages.at(-1);
    if (last?.role === "assistant") return this.#approve(last, abortSignal);
    if (last?.role !== "user") throw new TypeError("there is no message to send");
    const text = last.parts.map((part) => (part.type === "text" ? part.text : refuse(part.type))).join("");
    const said = this.session.view.messages.find((message) => message.role === "user" && message.submission_id === last.id);
    const id = said || !last.id || last.id.length > ID_MAX ? newId() : last.id;
    const stream = this.#stream(id, new Turn(id), abortSignal);
    const submission = said?.role === "user" ? /** @type {const} */ ({ type: "edit", id, turn_id: said.turn_id, text }) : /** @type {const} */ ({ type: "user_input", id, text });
    return this.#submitted(submission, stream);
  }

  /**
   * The answer that is being given, from its beginning; null: there is none.
   * @param {Parameters<ChatTransport<UIMessage>["reconnectToStream"]>[0]} options
   * @returns {Promise<ReadableStream<UIMessageChunk> | null>}
   */
  async reconnectToStream({ abortSignal }) {
    await settled(this.session);
    const question = runningQuestion(this.session.view);
    return question && this.#stream(question.submission_id, new Turn(question.submission_id), abortSignal);
  }

  /** @param {UIMessage} message @param {AbortSignal | undefined} abortSignal */
  async #approve(message, abortSignal) {
    const { view } = this.session;
    const approvals = answersIn(message).filter(({ tool_call_id }) => view.pending_approval.some((call) => call.tool_call_id === tool_call_id));
    const question = lastQuestion(view);
    if (!question) throw new TypeError("the session holds no message that this could answer");
    const turn = new Turn(question.submission_id, { answered: approvals.map((one) => one.tool_call_id) });
    const stream = this.#stream(question.submission_id, turn, abortSignal, true);
    return approvals.length ? this.#submitted({ type: "exec_approval", approvals }, stream) : stream;
  }

  /** The stream, once the server has the submission. @param {Parameters<Session["submit"]>[0]} submission @param {ReadableStream<UIMessageChunk>} stream */
  async #submitted(submission, stream) {
    try {
      await this.session.submit(submission);
    } catch (error) {
      const answeredElsewhere = error instanceof SubmissionRefused && error.code === "approval_stale";
      if (!answeredElsewhere) {
        await stream.cancel();
        throw error;
      }
    }
    return stream;
  }

  /**
   * The answer to a message of the user, as it comes. What was not read yet waits in the view, not in the stream.
   * @param {string} id @param {Turn} turn @param {AbortSignal | undefined} abortSignal @param {boolean} [begun] what is in the view was told already
   * @returns {ReadableStream<UIMessageChunk>}
   */
  #stream(id, turn, abortSignal, begun = false) {
    const { session } = this;
    /** @type {Ending | null} */
    let ending = null;
    let wake = () => {};
    const silence = session.listen((items) => {
      for (const item of items) ending ??= endingIn(item, id, session.view);
      wake();
    });
    const next = () => turn.next(session.unchangedView, this.#conversation.of(session.unchangedView), ending);
    if (begun) next();
    abortSignal?.addEventListener("abort", () => stop(session, id), { once: true });
    return new ReadableStream({
      async pull(controller) {
        for (;;) {
          const { chunks, over } = next();
          for (const chunk of chunks) controller.enqueue(chunk);
          if (over) {
            silence();
            return controller.close();
          }
          if (chunks.length) return;
          await new Promise((resolve) => (wake = () => resolve(undefined)));
        }
      },
      cancel: () => silence(),
    });
  }
}

/**
 * The messages of a view. Those that did not change are the same objects as in the last one of the same session.
 * @param {View} view one that does not change
 */
export function toUIMessages(view) {
  return new Conversation().of(view).map(messageOf);
}

/** For `sendAutomaticallyWhen`: every call of the last message that asked has its answer. @param {{ messages: UIMessage[] }} chat */
export function approvalsAnswered({ messages }) {
  const last = messages.at(-1);
  if (last?.role !== "assistant") return false;
  const states = last.parts.map((part) => ("state" in part ? part.state : undefined));
  return states.includes("approval-responded") && !states.includes("approval-requested");
}

/**
 * Keep a chat's messages those of the session: what was said before, in other tabs and while nobody looked; a turn that runs is streamed. Gives
 * a function that ends it. The chat needs a `HoldfastChatTransport` of the session.
 * @param {Chat} chat @param {Session} session
 */
export function follow(chat, session) {
  const conversation = new Conversation();
  /** @type {any} */
  let timer = null;
  let ended = false;
  const look = () => {
    clearTimeout(timer);
    if (ended) return;
    if (chat.status === "submitted" || chat.status === "streaming") {
      timer = setTimeout(look, BUSY_MS);
      return;
    }
    if (session.status.phase !== "live") return; // the messages before stay
    const messages = conversation.of(session.unchangedView).map(messageOf);
    const shown = answeredHere(messages, chat.messages);
    if (shown.length !== chat.messages.length || shown.some((message, place) => message !== chat.messages[place])) chat.messages = shown;
    if (runningQuestion(session.view)) void chat.resumeStream().finally(look);
  };
  const silence = session.listen(look);
  look();
  return () => {
    ended = true;
    clearTimeout(timer);
    silence();
  };
}

/** @type {WeakMap<Said, UIMessage>} */
const made = new WeakMap();

/** @param {Said} said @returns {UIMessage} */
function messageOf(said) {
  const known = made.get(said);
  if (known) return known;
  /** @type {UIMessage} */
  const message =
    said.role === "user"
      ? { id: said.id, role: "user", parts: [{ type: "text", text: said.message.text }] }
      : { id: said.id, role: "assistant", parts: said.steps.flatMap(({ message: { text, reasoning }, open, calls }) => partsOf(text, reasoning, open, calls)) };
  made.set(said, message);
  return message;
}

/** @param {string} text @param {string} reasoning @param {boolean} open @param {Called[]} calls @returns {UIMessage["parts"]} */
function partsOf(text, reasoning, open, calls) {
  /** @type {UIMessage["parts"]} */
  const parts = [{ type: "step-start" }];
  if (reasoning) parts.push({ type: "reasoning", text: reasoning, state: open && !text ? "streaming" : "done" });
  if (text) parts.push({ type: "text", text, state: open ? "streaming" : "done" });
  return [...parts, ...calls.map(callPart)];
}

/** @param {Called} call @returns {import("ai").DynamicToolUIPart} */
function callPart({ id, tool, arguments: input, pending, open, result }) {
  const part = /** @type {const} */ ({ type: "dynamic-tool", toolCallId: id, toolName: tool, input });
  if (result?.state === "rejected") return { ...part, state: "output-denied", approval: { id, approved: false } };
  if (result?.success) return { ...part, state: "output-available", output: result.output };
  if (result) return { ...part, state: "output-error", errorText: result.output };
  if (pending) return { ...part, state: "approval-requested", approval: { id, requestReason: pending.reason } };
  if (open?.by === "user") return { ...part, state: "approval-responded", approval: { id, approved: true } };
  return { ...part, state: "input-available" };
}

/** The messages with the answers that were given in the chat and are not sent yet, as others wait too. @param {UIMessage[]} messages @param {UIMessage[]} before */
function answeredHere(messages, before) {
  const last = messages.at(-1);
  const here = before.findLast((message) => message.id === last?.id);
  if (!last || !here || !last.parts.some((part) => "state" in part && part.state === "approval-requested")) return messages;
  const answers = new Map(here.parts.map((part) => ["toolCallId" in part && part.state === "approval-responded" ? part.toolCallId : "", part]));
  const parts = last.parts.map((part) => ("toolCallId" in part && part.state === "approval-requested" && answers.get(part.toolCallId)) || part);
  return parts.every((part, place) => part === last.parts[place]) ? messages : [...messages.slice(0, -1), { ...last, parts }];
}

/** @param {UIMessage} message @returns {import("../../protocol.d.ts").Approval[]} */
function answersIn(message) {
  return message.parts.flatMap((part) => {
    if (!("toolCallId" in part) || part.state !== "approval-responded") return [];
    const { approved, reason } = part.approval;
    return [{ tool_call_id: part.toolCallId, approved, ...(reason && { feedback: reason }) }];
  });
}

/** @param {FeedItem} item @param {string} id @param {View} view @returns {Ending | null} */
function endingIn(item, id, view) {
  if (item.kind === "status" && item.status.phase === "ended") return { type: "error", errorText: item.status.why };
  if (item.kind !== "event") return null;
  const { event } = item;
  if (event.type === "input_withdrawn") return event.submission_id === id ? { type: "abort", reason: "withdrawn" } : null;
  if (event.type !== "error" && event.type !== "interrupted") return null;
  const question = view.messages.findLast((message) => message.role === "user" && message.turn_id === event.turn_id);
  if (question?.role !== "user" || question.submission_id !== id) return null;
  return event.type === "error" ? { type: "error", errorText: event.message } : { type: "abort", reason: event.reason };
}

/** Stop the turn of a message of the user; one that waits for its turn gets none. @param {Session} session @param {string} id */
function stop(session, id) {
  const question = lastQuestion(session.view);
  if (question?.submission_id === id) return void session.send({ type: "interrupt" });
  session.submit({ type: "withdraw", submission_id: id }).catch((error) => {
    if (error instanceof SubmissionRefused) session.send({ type: "interrupt" }); // its turn has begun meanwhile
  });
}

/** Until the view is up to date, or nothing more comes. @param {Session} session */
async function settled(session) {
  const is = () => session.status.phase === "live" || session.status.phase === "ended";
  await new Promise((/** @type {(_: void) => void} */ resolve) => {
    const silence = session.listen(() => is() && (silence(), resolve()));
    if (is()) (silence(), resolve());
  });
}

/** @param {string} type @returns {never} */
function refuse(type) {
  throw new TypeError(`a message of the user holds text alone, not a part of the type ${type}`);
}
