// assistant-ui: a runtime whose messages, queue and approvals are those of a session.

/** @import { AppendMessage, ExternalStoreAdapter, ThreadMessageLike } from "@assistant-ui/react" */
/** @import { Session } from "../holdfast.js" */
/** @import { Called, Said } from "./said.js" */
/** @import { QueuedInput } from "../../protocol.d.ts" */
import { useExternalStoreRuntime } from "@assistant-ui/react";
import { useMemo } from "react";
import { useStatus, useView } from "./react.js";
import { Conversation, lastQuestion } from "./said.js";

/** Options of an approval: what they are called, and what they are to the server. */
const ONCE = /** @type {const} */ ({ id: "once", kind: "allow-once" });
const SESSION = /** @type {const} */ ({ id: "session", kind: "allow-always" });
const REJECT = /** @type {const} */ ({ id: "reject", kind: "reject-once" });

/** The runtime of a session, for `AssistantRuntimeProvider`. @param {Session} session */
export function useHoldfastRuntime(session) {
  const view = useView(session);
  const status = useStatus(session);
  const conversation = useMemo(() => new Conversation(), [session]);
  /** @type {ExternalStoreAdapter<Said>} */
  const adapter = {
    messages: conversation.of(view),
    convertMessage,
    isRunning: view.state === "running",
    isLoading: view.seq === 0 && (status.phase === "connecting" || status.phase === "catching_up"),
    isDisabled: status.phase === "ended" || view.state === "closed",
    onNew: async (message) => void (await say(session, message, message.steer ? "steer" : "queue")),
    onEdit: async (message) => void (await edit(session, message.sourceId ?? message.parentId, textOf(message))),
    onReload: async (parentId) => void (await edit(session, parentId)),
    onCancel: async () => void (await session.submit({ type: "interrupt" })),
    onRespondToToolApproval: async ({ approvalId, approved, optionId, reason, text }) => {
      const feedback = reason ?? text;
      /** @type {"session" | "once"} */
      const scope = optionId === SESSION.id ? "session" : "once";
      const approval = { tool_call_id: approvalId, approved, scope, ...(feedback && { feedback }) };
      await session.submit({ type: "exec_approval", approvals: [approval] });
    },
    queue: {
      items: view.queued.filter(({ when }) => when === "queue").map(queueItem),
      steerItems: view.queued.filter(({ when }) => when === "steer").map(queueItem),
      enqueue: (message) => void say(session, message, "queue"),
      steer: (message) => void say(session, message, "steer"),
      move: (id, { lane }) => void replace(session, id, null, lane),
      edit: (id, message) => void replace(session, id, textOf(message)),
      remove: (id) => void session.submit({ type: "withdraw", submission_id: id }),
    },
  };
  return useExternalStoreRuntime(adapter);
}

/** @param {Session} session @param {AppendMessage} message @param {"queue" | "steer"} when */
const say = (session, message, when) => session.submit({ type: "user_input", text: textOf(message), when });

/**
 * Say something else in place of a message of the user, or the same again.
 * @param {Session} session @param {string | null} id of the message, or of one before it @param {string} [text]
 */
function edit(session, id, text) {
  const { messages } = session.view;
  const said = messages.find((message) => message.role === "user" && message.submission_id === id) ?? lastQuestion(session.view);
  if (said?.role !== "user") throw new TypeError("the session holds no message of the user that could be replaced");
  return session.submit({ type: "edit", turn_id: said.turn_id, text: text ?? said.text });
}

/** Take an input that waits back, and say it anew at the end of its lane. @param {Session} session @param {string} id @param {string | null} text @param {"queue" | "steer"} [lane] */
async function replace(session, id, text, lane) {
  const waiting = session.view.queued.find((one) => one.submission_id === id);
  if (!waiting) return;
  await session.submit({ type: "withdraw", submission_id: id });
  await session.submit({ type: "user_input", text: text ?? waiting.text, when: lane ?? waiting.when });
}

/** @param {AppendMessage} message */
const textOf = (message) => message.content.map((part) => (part.type === "text" ? part.text : "")).join("");

/** @param {QueuedInput} waiting */
const queueItem = ({ submission_id, text }) => ({ id: submission_id, prompt: text, parts: [/** @type {const} */ ({ type: "text", text })] });

/** @param {Said} said @returns {ThreadMessageLike} */
function convertMessage(said) {
  if (said.role === "user") return { id: said.id, role: "user", content: [{ type: "text", text: said.message.text }] };
  const content = said.steps.flatMap(({ message: { text, reasoning }, calls }) => [
    ...(reasoning ? [/** @type {const} */ ({ type: "reasoning", text: reasoning })] : []),
    ...(text ? [/** @type {const} */ ({ type: "text", text })] : []),
    ...calls.map(callPart),
  ]);
  const waits = said.steps.some(({ calls }) => calls.some((call) => call.pending));
  /** @type {ThreadMessageLike["status"]} */
  const status = waits
    ? { type: "requires-action", reason: "tool-calls" }
    : said.running
      ? { type: "running" }
      : { type: "complete", reason: "stop" };
  return { id: said.id, role: "assistant", content, status };
}

/** @param {Called} call */
function callPart({ id, tool, arguments: args, pending, open, result }) {
  const options = pending?.grant === undefined ? [ONCE, REJECT] : [ONCE, { ...SESSION, label: `Always in this session: ${pending.grant}` }, REJECT];
  return {
    type: /** @type {const} */ ("tool-call"),
    toolCallId: id,
    toolName: tool,
    args: /** @type {any} */ (args),
    ...(pending && { approval: { id, reason: pending.reason, options } }),
    ...(result ? { result: result.output, isError: !result.success } : open?.log ? { result: open.log, isPreliminary: true } : {}),
  };
}
