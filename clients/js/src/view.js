// View: what a client shows of a session, and `apply`, which folds one event into it. Pure: no I/O and no clock.

/** @import * as Wire from "../protocol.d.ts" */
import { setFrom } from "./lib/code-points.js";
import { addDenial, addGrant, removeGrant } from "./lib/grants.js";
import { addCost, addUsage } from "./lib/usage.js";

/**
 * The fold of all events up to `seq`.
 * @typedef {object} View
 * @property {number} seq
 * @property {Wire.Snapshot["state"]} state
 * @property {string} model
 * @property {Wire.Snapshot["reasoning_effort"]} reasoning_effort
 * @property {string} title
 * @property {string | null} turn_id
 * @property {Wire.Message[]} messages
 * @property {Wire.OpenMessage | null} open_message
 * @property {Wire.OpenCall[]} open_calls
 * @property {Wire.PendingTool[]} pending_approval
 * @property {Wire.QueuedInput[]} queued
 * @property {Wire.PlanItem[]} plan
 * @property {Wire.Usage} usage
 * @property {Wire.ShareLink[]} shares
 * @property {string[]} grants
 * @property {Record<string, string>} guest_grants
 * @property {string} notes_digest
 * @property {Wire.WorkspaceSnapshot[]} snapshots
 * @property {Wire.Question[]} questions
 * @property {string[]} denials
 * @property {string} mode
 */

/** @type {Record<Wire.ToolMessage["state"], string>} */
const ENDED_WITHOUT_OUTPUT = {
  rejected: "The user rejected this call. It was not run.",
  abandoned: "The user went on without answering whether this call may run. It was not run.",
  cancelled: "This call was cancelled before it finished.",
  outcome_unknown: "The server stopped while this call was running. Its outcome is unknown; it was not run again.",
  completed: "",
};

/** @returns {View} the view before the first event */
export function emptyView() {
  return {
    seq: 0,
    state: "idle",
    model: "",
    reasoning_effort: "",
    title: "",
    turn_id: null,
    messages: [],
    open_message: null,
    open_calls: [],
    pending_approval: [],
    queued: [],
    plan: [],
    usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, cost_usd: 0, context_tokens: 0, context_limit: 0 },
    shares: [],
    grants: [],
    guest_grants: {},
    notes_digest: "",
    snapshots: [],
    questions: [],
    denials: [],
    mode: "default",
  };
}

/**
 * The view a snapshot stands for. What an older server leaves out is as in an empty view.
 * @param {Wire.Snapshot} snapshot
 * @returns {View}
 */
export function fromSnapshot(snapshot) {
  const view = emptyView();
  for (const name of /** @type {(keyof View)[]} */ (Object.keys(view))) {
    // @ts-expect-error: a view's fields are a snapshot's, of the same types
    if (snapshot[name] !== undefined) view[name] = snapshot[name];
  }
  return view;
}

/**
 * Fold one event into the view. An event the view has already seen changes nothing; one it does not know moves `seq`.
 * @param {View} view
 * @param {Wire.Event} event
 */
export function apply(view, event) {
  if (event.seq <= view.seq) return;
  view.seq = event.seq;
  switch (event.type) {
    case "assistant_chunk": return applyChunk(view, event);
    case "tool_log": return applyLog(view, event);
    case "tool_step": return applyStep(view, event);
    case "accepted": return applyAccepted(view, event);
    case "processing":
    case "input_joined": return applyInput(view, event);
    case "assistant_message": return applyMessage(view, event);
    case "tool_call": {
      const { tool_call_id, tool } = event;
      view.open_calls.push({ tool_call_id, tool, arguments: event.arguments, state: "requested", log: "", edited: false });
      return;
    }
    case "approval_required": return applyAsked(view, event);
    case "tool_state_change": return applyState(view, event);
    case "tool_output": return applyOutput(view, event);
    case "turn_complete":
    case "interrupted":
    case "error":
      if (event.turn_id !== null && event.turn_id === view.turn_id) rest(view);
      return;
    case "compacted":
      view.usage.context_tokens = event.new_tokens;
      if (view.turn_id === event.operation_id) rest(view);
      return;
    case "workspace_restored": if (view.turn_id === event.operation_id) rest(view); return;
    case "workspace_saved": return applySaved(view, event);
    case "workspace_not_saved":
    case "notes_changed": return;
    case "shutdown": Object.assign(view, { state: "closed", turn_id: null, queued: [], grants: [], guest_grants: {}, denials: [] }); return;
    case "plan_update": view.plan = event.items; return;
    case "usage": return addUsage(view.usage, event);
    case "undo_complete":
      if (event.removed_messages) view.messages.splice(-event.removed_messages);
      return;
    case "model_changed":
      view.model = event.model;
      view.reasoning_effort = event.reasoning_effort ?? "";
      return;
    case "title_changed": view.title = event.title; return;
    case "shared": view.shares.push({ share_id: event.share_id, access: event.access, ...("may_set_model" in event && { may_set_model: event.may_set_model }) }); return;
    case "notes_uploaded": view.notes_digest = event.digest; return;
    case "ask_user": view.questions = [...view.questions, event.question]; return;
    case "question_closed": view.questions = view.questions.filter((one) => one.question_id !== event.question_id); return;
    case "input_withdrawn": view.queued = view.queued.filter((waiting) => waiting.submission_id !== event.submission_id); return;
    case "mode_changed": view.mode = event.mode; return;
    case "grant_denied": return addDenial(view, event.grant);
    case "grant_revoked": return removeGrant(view, event.grant);
    case "unshared":
      view.shares = view.shares.filter((share) => share.share_id !== event.share_id);
      if (event.removed_inputs) view.queued = view.queued.filter((waiting) => !event.removed_inputs?.includes(waiting.submission_id));
      return;
  }
}

/** @param {View} view @param {Wire.WorkspaceSaved} event */
function applySaved(view, { snapshot_id, files, left_out, dropped }) {
  const kept = view.snapshots.filter((saved) => saved.snapshot_id !== snapshot_id && !dropped.includes(saved.snapshot_id));
  view.snapshots = [...kept, { snapshot_id, files, left_out }];
}

/** @param {View} view @param {string} id @returns {Wire.OpenCall | undefined} */
export function openCall(view, id) {
  return view.open_calls.find((call) => call.tool_call_id === id);
}

/** @param {View} view */
function rest(view) {
  view.state = "idle";
  view.turn_id = null;
}

/** @param {View} view @param {Wire.AssistantChunk} event */
function applyChunk(view, event) {
  if (view.open_message?.message_id !== event.message_id) {
    view.open_message = { message_id: event.message_id, text: "", reasoning: "" };
  }
  const message = /** @type {Wire.OpenMessage} */ (view.open_message);
  setFrom(message, event.kind === "text" ? "text" : "reasoning", event.offset, event.text);
}

/** @param {View} view @param {Wire.ToolLog} event */
function applyLog(view, event) {
  const call = openCall(view, event.tool_call_id);
  if (call) setFrom(call, "log", event.offset, event.text);
}

/** @param {View} view @param {Wire.ToolStep} event */
function applyStep(view, event) {
  const call = openCall(view, event.tool_call_id);
  if (!call) return;
  const steps = call.steps ?? [];
  const place = steps.findIndex((step) => step.step_id === event.step.step_id);
  call.steps = place < 0 ? [...steps, event.step] : steps.with(place, event.step);
}

/** @param {View} view @param {Wire.Accepted} event */
function applyAccepted(view, event) {
  const asked = event.submission;
  if (asked.type === "user_input" || asked.type === "edit") {
    const { text, images } = asked;
    const when = asked.type === "edit" ? "queue" : view.state === "awaiting_approval" ? "steer" : (asked.when ?? "queue");
    view.queued.push({ submission_id: event.submission_id, text, when, ...("share_id" in event && { share_id: event.share_id }), ...(images?.length && { images }) });
  } else if (asked.type === "compact" || asked.type === "restore") {
    view.state = "running";
    view.turn_id = event.submission_id;
  }
}

/** @param {View} view @param {Wire.Processing | Wire.InputJoined} event */
function applyInput(view, event) {
  view.state = "running";
  view.turn_id = event.turn_id;
  const place = view.queued.findIndex((waiting) => waiting.submission_id === event.submission_id);
  if (place < 0) return;
  const [{ text, submission_id, images }] = view.queued.splice(place, 1);
  view.messages.push({ role: "user", text, submission_id, turn_id: event.turn_id, ...(images && { images }) });
}

/** @param {View} view @param {Wire.AssistantMessageEvent} event */
function applyMessage(view, event) {
  view.open_message = null;
  const { message_id, text, reasoning, tool_calls, finish_reason, sealed } = event;
  view.messages.push({ role: "assistant", message_id, text, reasoning, tool_calls, finish_reason, sealed });
}

/** @param {View} view @param {Wire.ApprovalRequired} event */
function applyAsked(view, event) {
  view.pending_approval = [...event.tools];
  view.state = "awaiting_approval";
  for (const pending of event.tools) {
    const call = openCall(view, pending.tool_call_id);
    if (call) call.state = "awaiting_approval";
  }
}

/** @param {View} view @param {Wire.ToolStateChange} event */
function applyState(view, event) {
  noLongerPending(view, event.tool_call_id);
  if (event.grant !== undefined) addGrant(view, event.grant, event.share_id);
  const call = openCall(view, event.tool_call_id);
  if (!call) return;
  if (event.state === "running" || event.state === "approved") {
    call.state = event.state;
    if (event.state === "approved") {
      call.by = event.by === "user" ? "user" : "policy";
      if (event.share_id === undefined) delete call.share_id;
      else call.share_id = event.share_id;
      if (event.arguments !== undefined) Object.assign(call, { arguments: event.arguments, edited: true });
    }
    return;
  }
  let output = event.detail ?? ENDED_WITHOUT_OUTPUT[event.state];
  if (event.feedback) output += `\nThe user said: ${event.feedback}`;
  finishCall(view, call, { output, success: false, truncated: false, duration_ms: 0, state: event.state });
}

/** @param {View} view @param {Wire.ToolOutput} event */
function applyOutput(view, event) {
  noLongerPending(view, event.tool_call_id);
  if (event.cost_usd !== undefined) addCost(view.usage, event.cost_usd);
  const call = openCall(view, event.tool_call_id);
  const { output, success, truncated, duration_ms } = event;
  if (call) finishCall(view, call, { output, success, truncated, duration_ms, state: "completed" });
}

/** @param {View} view @param {string} id */
function noLongerPending(view, id) {
  if (!view.pending_approval.length) return;
  view.pending_approval = view.pending_approval.filter((pending) => pending.tool_call_id !== id);
  if (!view.pending_approval.length) view.state = "running";
}

/**
 * Replace the open call by its result, in the order in which the message asked for the calls.
 * @param {View} view @param {Wire.OpenCall} call
 * @param {Pick<Wire.ToolMessage, "output" | "success" | "truncated" | "duration_ms" | "state">} end
 */
function finishCall(view, call, end) {
  view.open_calls.splice(view.open_calls.indexOf(call), 1);
  view.questions = view.questions.filter((one) => one.tool_call_id !== call.tool_call_id);
  /** @type {Wire.ToolMessage} */
  const result = { role: "tool", tool_call_id: call.tool_call_id, tool: call.tool, ...end };
  if (call.edited) result.arguments = call.arguments;
  if (call.steps) result.steps = call.steps;
  view.messages.splice(resultPlace(view.messages, call.tool_call_id), 0, result);
}

/** @param {Wire.Message[]} messages @param {string} id */
function resultPlace(messages, id) {
  for (let place = messages.length - 1; place >= 0; place -= 1) {
    const message = messages[place];
    if (message.role !== "assistant") continue;
    const order = new Map(message.tool_calls.map((asked, number) => [asked.tool_call_id, number]));
    const mine = order.get(id) ?? order.size;
    for (place += 1; place < messages.length; place += 1) {
      const other = messages[place];
      if (other.role !== "tool" || (order.get(other.tool_call_id) ?? -1) > mine) break;
    }
    return place;
  }
  return messages.length;
}
