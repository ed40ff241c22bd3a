// Tool card: one call: its arguments, its state, its steps and its result.

/** @import { Step } from "../../../js/protocol.d.ts" */
/** @import { Conversation } from "../state/conversation.js" */
/** @import { ToolRow } from "../state/rows.js" */
import { useEffect, useState } from "preact/hooks";
import { counts, isPatch, patchIn } from "../text/diff.js";
import { duration, money, plural } from "../text/format.js";
import { tableOf } from "../text/tables.js";
import { visible } from "../text/visible.js";
import { CopyButton } from "../ui/clipboard.js";
import { Folded } from "../ui/folded.js";
import { html, Icon } from "../ui/html.js";
import { CallArguments } from "./arguments.js";
import { changeOf, commandOf, endedBy, exitCode, fileOf, summaryOf, withoutEnd, writtenFile } from "./calls.js";
import { Code, Output } from "./outputs.js";

/** A change of so few lines is open from the start. */
const SMALL_CHANGE = 40;

/** Lines of a written file that are seen while its card is folded. */
const PEEK_LINES = 6;

/** @param {string} text */
function beginning(text) {
  const lines = text.trimEnd().split("\n");
  return lines.length > PEEK_LINES ? `${lines.slice(0, PEEK_LINES).join("\n")}\n…` : lines.join("\n");
}

/** @type {Record<string, { says: string, icon: import("../ui/html.js").IconName }>} */
const STATES = {
  requested: { says: "asked for", icon: "dot" },
  awaiting_approval: { says: "waits for you", icon: "wait" },
  approved: { says: "approved", icon: "dot" },
  running: { says: "running", icon: "run" },
  completed: { says: "done", icon: "check" },
  failed: { says: "failed", icon: "close" },
  rejected: { says: "rejected, not run", icon: "no" },
  abandoned: { says: "not answered, not run", icon: "no" },
  cancelled: { says: "cancelled", icon: "stop" },
  outcome_unknown: { says: "outcome unknown", icon: "ask" },
};

/** @param {{ row: ToolRow, conversation: Conversation }} props */
export function ToolCard({ row, conversation }) {
  const { tool, output, key, open: going, success } = row;
  const state = row.state === "completed" && !success ? "failed" : row.state;
  const known = conversation.opened;
  // What ran before one's eyes stays open when it ends: nothing that is read folds itself away.
  if (state === "running" && (output || row.steps.length) && !known.has(key)) known.set(key, true);
  const open = (state === "failed" || isSmallChange(row));
  const file = !going && success ? writtenFile(tool, row.arguments) : null;
  const command = commandOf(tool, row.arguments);
  // The row says how it ended.
  const end = state === "failed" && command !== null && endOf(output);
  const shown = end ? withoutEnd(output) : output;
  const link = file && conversation.fileLink(file);
  const written = file ? fileOf(tool, row.arguments) : null;
  return html`<div class="tool" data-state=${state} data-tool=${tool}>
    <${Folded} title=${html`<${Title} row=${row} state=${state} end=${end} conversation=${conversation} />`} open=${open} memory=${known} name=${key} key=${`${key}-${known.get(key) ?? open}`}>
      <${CallArguments} tool=${tool} given=${row.arguments} told=${summaryOf(tool, row.arguments)} edited=${row.edited} withChange=${going || tool !== "edit" || !isPatch(output)} />
      ${row.malformed !== undefined && html`<p class="bad">The model wrote arguments that are no JSON object:</p><pre tabindex="0">${visible(row.malformed)}</pre>`}
      ${row.steps.length > 0 && html`<${Steps} steps=${row.steps} name=${key} memory=${known} />`}
      ${(shown || going) && html`<${Output} tool=${tool} given=${row.arguments} output=${shown} live=${going} />`}
      ${output && !going && html`<div class="buttons copying"><${CopyButton} text=${output} says="Copy output" />${command !== null && html`<${CopyButton} text=${command} says="Copy command" />`}</div>`}
      ${row.truncated && html`<p class="faint">This output is not whole: the server cut it.</p>`}
    <//>
    ${written && html`<div class="peek"><${Code} path=${written.path} text=${beginning(written.text)} says="Beginning of" /></div>`}
    ${link && html`<p class="tool-file"><a href=${link} download class="download" aria-label=${`Download ${visible(file)}`}><${Icon} name="download" /> Download</a></p>`}
  </div>`;
}

/** @param {{ row: ToolRow, state: string, end: string | number | false | null, conversation: Conversation }} props */
function Title({ row, state, end, conversation }) {
  const { tool, duration_ms, tool_call_id } = row;
  if (state === "running") void conversation.version.value;
  // A call that asks somebody something waits as one for an approval does.
  const asks = state === "running" && conversation.view.questions.some((one) => one.tool_call_id === tool_call_id);
  const shown = asks ? "awaiting_approval" : state;
  const { says, icon } = STATES[shown] ?? STATES.requested;
  void conversation.learnt.value;
  const cost = conversation.costs.get(tool_call_id);
  const said = end ? html`<span class="hidden">${says}: </span>${end}` : shown === "awaiting_approval" && conversation.access === "read" ? "waits for an answer" : says;
  return html`<span class="tool-name">${visible(tool)}</span> <span class="tool-gist"><bdi>${summaryOf(tool, row.arguments)}</bdi></span>
    <${Brief} row=${row} />
    <span class="tool-state" data-state=${shown}><${Icon} name=${icon} /> ${said}${duration_ms > 0 && ` · ${duration(duration_ms)}`}${cost ? ` · ${money(cost)}` : ""}${shown === "running" && html`<${Since} at=${conversation.started.get(tool_call_id)} />`}</span>`;
}

/** How a command ended that failed. @param {string} output */
function endOf(output) {
  const [code, why] = [exitCode(output), endedBy(output)];
  return why ? `ended: ${why}` : code && `exit code ${code}`;
}

/** What came of it, in a word. @param {{ row: ToolRow }} props */
function Brief({ row: { tool, arguments: given, output, open, steps, success } }) {
  if (steps.length) return html`<span class="tool-brief">${plural(steps.length, "step")}</span>`;
  if (open) return null;
  if (commandOf(tool, given) !== null) return null;
  const lines = success && changeLines(given, output);
  if (lines) {
    const { added, removed } = counts(lines);
    return html`<span class="tool-brief"><span class="added">+${added}</span> <span class="removed">−${removed}</span><span class="hidden"> lines</span></span>`;
  }
  const table = tool.startsWith("hf_") ? tableOf(output) : null;
  return table && html`<span class="tool-brief">${plural(table.rows.length + table.more, "row")}</span>`;
}

/** @param {import("./calls.js").Arguments} given @param {string} output */
function changeLines(given, output) {
  const change = changeOf(given);
  return change && (patchIn(output)?.lines ?? change.lines);
}

/** @param {ToolRow} row */
function isSmallChange(row) {
  const lines = row.open || !row.success ? null : changeLines(row.arguments, row.output);
  return lines !== null && lines.length <= SMALL_CHANGE;
}

/** How long it has been running. @param {{ at: number | undefined }} props */
function Since({ at }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const ms = at === undefined ? 0 : now - at;
  return ms < 1000 ? null : html`<span aria-hidden="true"> · ${duration(1000 * Math.floor(ms / 1000))}</span>`;
}

/** What a sub-agent does inside of a call. @param {{ steps: Step[], name: string, memory: Map<string, boolean> }} props */
function Steps({ steps, name, memory }) {
  return html`<ol class="steps" aria-label="Steps">
    ${steps.map((step) => {
      const state = step.output === undefined ? "running" : step.success === false ? "failed" : "completed";
      const { says, icon } = STATES[state];
      const title = html`<span class="tool-name">${visible(step.tool)}</span> <span class="tool-gist"><bdi>${summaryOf(step.tool, step.arguments)}</bdi></span>
        <span class="tool-state" data-state=${state}><${Icon} name=${icon} /> ${says}${step.duration_ms ? ` · ${duration(step.duration_ms)}` : ""}</span>`;
      return html`<li key=${step.step_id}><${Folded} title=${title} memory=${memory} name=${`${name}/${step.step_id}`}>
        <${CallArguments} tool=${step.tool} given=${step.arguments} />
        ${step.output && html`<${Output} tool=${step.tool} given=${step.arguments} output=${step.output} live=${false} />`}
      <//></li>`;
    })}
  </ol>`;
}
