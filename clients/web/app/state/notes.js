// Notes: events that are no message (a failure, an interruption, a summary) as text for people. Pure.

/** @import * as Wire from "../../../js/protocol.d.ts" */
import { plural } from "../text/format.js";

/**
 * `after`: the key of the row it stands behind; null: before all. `retry`, `goOn`: what may help is to say the last thing
 * again, or to let it continue. `restore`: the snapshot that the files can be restored from; empty: none.
 * @typedef {{ seq: number, after: string | null, tone: "info" | "bad", text: string, advice: string, more: string, turn_id: string | null, retry: boolean, goOn: boolean, restore: string }} Note
 */

/** What to do, by the code of an error; those of models say so themselves. @type {Record<string, string>} */
const ADVICE = {
  max_iterations: "Say “go on” to let it continue.",
  context_overflow: "Take the last turn back, or begin a new session.",
  compaction_failed: "Nothing was changed. Try again.",
  restore_failed: "Try again, or restore the files from the snapshot that was taken before.",
  budget_exhausted: "Wait until then, or ask who runs this server for more.",
  spending_limit: "Raise the limit where the server is set up, or begin a new session.",
  history_full: "Begin a new session.",
  journal_unavailable: "The server could not store what came next (is its disk full?). Try again.",
  internal: "Try again; the server has logged the fault.",
};

const STOPPED = {
  user: "Stopped by you.",
  restart: "The server restarted in the middle of this turn. What was said so far is kept; nothing was run twice.",
  shutdown: "Stopped by a shutdown. What was said so far is kept.",
};

/**
 * The note of an event, or null where it needs none.
 * @param {Wire.Event} event @param {string | null} after
 * @returns {Note | null}
 */
export function noteOf(event, after) {
  const note = (/** @type {string} */ text, /** @type {Partial<Note>} */ more = {}) => {
    return { seq: event.seq, after, tone: /** @type {const} */ ("info"), text, advice: "", more: "", turn_id: null, retry: false, goOn: false, restore: "", ...more };
  };
  switch (event.type) {
    case "interrupted":
      return note(STOPPED[event.reason] ?? "Stopped.", { turn_id: event.turn_id, retry: true, goOn: true });
    case "error":
      return note(event.message || "Something failed.", {
        tone: "bad",
        advice: ADVICE[event.code] ?? (event.retryable && !event.code.startsWith("model_") ? "Try again." : ""),
        more: event.code,
        turn_id: event.turn_id,
        retry: event.turn_id !== null && event.code !== "history_full" && event.code !== "max_iterations",
        goOn: event.turn_id !== null && (event.code === "max_iterations" || event.code === "model_stream_cut"),
      });
    case "compacted": {
      const { old_tokens, new_tokens, summary } = event;
      return note(`The older part was summarised for the model: ${old_tokens} → ${new_tokens} tokens.`, { more: summary });
    }
    case "undo_complete":
      if (event.restore !== undefined) {
        const advice = "The files can be made as they were before it. What they are now is saved first.";
        return note("Taken back. What was done besides stays done.", { advice, more: event.kept.join("\n"), restore: event.restore });
      }
      return event.kept.length ? note("Taken back. What was done in the world stays done.", { more: event.kept.join("\n") }) : null;
    case "workspace_restored": {
      const { restored, removed, left, left_count } = event;
      const kept = left_count ? ` ${plural(left_count, "file or folder", "files or folders")} could not be restored.` : "";
      return note(`The files are as they were: ${restored} restored, ${removed} removed.${kept}`, { more: left.join("\n") });
    }
    case "workspace_not_saved":
      return note("The files could not be saved: what this turn does to them cannot be restored.", { more: event.message });
    case "notes_changed":
      return note(`A call of ${event.tool} ${event.digest ? "wrote" : "removed"} AGENTS.md. The model reads it with each message, and is told so.`);
    case "model_changed":
      return note(`From here on ${event.model} answers.`);
    case "shutdown":
      return note("This session was ended. It can be read, and nothing more can be said.");
    default:
      return null;
  }
}

/** A word for each refusal that people cause. @type {Record<string, string>} */
const REFUSED = {
  busy: "A turn is running: stop it first, or wait.",
  nothing_to_interrupt: "There is nothing to stop any more.",
  nothing_to_undo: "There is no turn that can be taken back.",
  snapshot_unknown: "The files as they were then are not kept any more.",
  nothing_to_compact: "The conversation is too short to compact.",
  approval_stale: "This call was answered elsewhere already.",
  approval_unknown: "This call is not there any more.",
  session_closed: "This session was ended: nothing more can be said.",
};

/** @param {{ code: string, message: string }} refusal */
export function refusalText({ code, message }) {
  return REFUSED[code] ?? message;
}

const SETTLED = /** @type {Record<string, string>} */ ({ approved: "approved", rejected: "rejected" });

/**
 * What to say of a call that somebody else answered while it waited here; null if nobody did.
 * @param {Wire.ToolStateChange} event @param {Set<string>} answered the calls that this page answered
 */
export function answeredElsewhere(event, answered) {
  const how = SETTLED[event.state];
  if (!how || answered.has(event.tool_call_id) || event.by !== "user") return null;
  return `${event.tool} was ${how} elsewhere.`;
}

/** What a screen reader is told of calls that wait. @param {Wire.PendingTool[]} tools */
export function approvalAnnouncement(tools) {
  const names = [...new Set(tools.map(({ tool }) => tool))].join(", ");
  return `${tools.length === 1 ? "A call waits" : `${tools.length} calls wait`} for your approval: ${names}. Alt+Y approves, Alt+N rejects.`;
}

/** What an event has to tell those who do not see the page; null: nothing. @param {Wire.Event} event */
export function announcementOf(event) {
  if (event.type === "approval_required") return approvalAnnouncement(event.tools);
  if (event.type === "turn_complete") return `The answer is complete: ${(event.final_response ?? "").slice(0, 200)}`;
  return event.type === "error" ? `Error: ${event.message}` : null;
}
