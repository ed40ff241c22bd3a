// The page: tool calls as cards: what was asked, how it goes, what came of it.

/** @import { Conversation } from "./conversation.js" */
/** @import { Json } from "../../../docs/protocol.d.ts" */
/** @import { ToolRow } from "./items.js" */
/** @import { DiffLine } from "./shapes.js" */
import { useLayoutEffect, useRef } from "preact/hooks";
import { duration, html, Icon } from "./html.js";
import { Folded } from "./message.js";
import { changeOf, commandOf, gist, isPatch, patchLines, tableOf, terminalText, writtenFile } from "./shapes.js";

/** Output beyond this is cut for display; the whole is in the export. */
const SHOWN_CHARS = 60_000;

const STATES = {
  requested: "asked for",
  awaiting_approval: "waits for you",
  approved: "approved",
  running: "running",
  completed: "done",
  rejected: "rejected",
  abandoned: "not answered",
  cancelled: "cancelled",
  outcome_unknown: "outcome unknown",
};

/** What was opened or closed by hand, by the row's key. @type {WeakMap<Conversation, Map<string, boolean>>} */
const opened = new WeakMap();

/** @param {{ row: ToolRow, conversation: Conversation }} props */
export function ToolCard({ row, conversation }) {
  const { tool, state, output, duration_ms, success, key, open: going } = row;
  const failed = !going && (!success || state !== "completed");
  let byHand = opened.get(conversation);
  if (!byHand) opened.set(conversation, (byHand = new Map()));
  const open = byHand.get(key) ?? (state === "running" || (failed && state === "completed"));
  const label = failed && state === "completed" ? "failed" : STATES[state];
  const title = html`<span class="tool-name">${tool}</span> <span class="tool-gist">${gist(tool, row.arguments)}</span>
    <span class="tool-state" data-state=${failed && state === "completed" ? "failed" : state}>${label}${duration_ms > 0 && ` · ${duration(duration_ms)}`}</span>`;
  const file = !going && success ? writtenFile(tool, row.arguments) : null;
  const link = file && conversation.fileLink(file);
  return html`<div class="tool" data-state=${state}>
    <${Folded} title=${title} open=${open} onToggle=${(/** @type {boolean} */ now) => byHand.set(key, now)} key=${`${key}-${open}`}>
      <${Asked} tool=${tool} given=${row.arguments} edited=${row.edited} />
      ${row.malformed !== undefined && html`<p class="bad">The model wrote arguments that are no JSON object:</p><pre tabindex="0">${row.malformed}</pre>`}
      ${(output || going) && html`<${Output} tool=${tool} given=${row.arguments} output=${output} live=${going} />`}
      ${row.truncated && html`<p class="faint">The middle of this output was cut out by the server.</p>`}
    <//>
    ${link && html`<p class="tool-file"><a href=${link} download>${file}</a></p>`}
  </div>`;
}

/** What a call is asked to do. @param {{ tool: string, given: { [key: string]: Json }, edited?: boolean }} props */
export function Asked({ tool, given, edited = false }) {
  const change = changeOf(given);
  const command = commandOf(tool, given);
  const shown = new Set(command !== null ? ["command", "cmd", "script"] : []);
  if (change) for (const name of ["old_string", "new_string", "old_str", "new_str", "old_text", "new_text", "old", "new", "search", "replace", "before", "after", "patch", "diff"]) shown.add(name);
  const rest = Object.entries(given).filter(([name]) => !shown.has(name));
  return html`<div class="asked">
    ${edited && html`<p class="faint">Changed by you before it ran.</p>`}
    ${rest.length > 0 && html`<dl>${rest.map(([name, value]) => html`<${Argument} name=${name} value=${value} />`)}</dl>`}
    ${command !== null && html`<pre class="terminal" tabindex="0"><span class="prompt" aria-hidden="true">$ </span>${command}</pre>`}
    ${change && html`<${Diff} lines=${change} />`}
  </div>`;
}

/** @param {{ name: string, value: Json }} props */
function Argument({ name, value }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const long = text.length > 80 || text.includes("\n");
  return html`<div class=${long ? "argument long" : "argument"}><dt>${name}</dt><dd>${long ? html`<pre tabindex="0">${clip(text)}</pre>` : html`<code>${text}</code>`}</dd></div>`;
}

/** @param {{ lines: DiffLine[] }} props */
function Diff({ lines }) {
  const marks = { same: " ", old: "−", new: "+" };
  return html`<pre class="diff" tabindex="0" aria-label="Change">${lines.slice(0, 2000).map(({ kind, text }) => {
    return html`<span class=${`line ${kind}`}><span class="mark">${marks[kind]}</span>${text}${"\n"}</span>`;
  })}</pre>`;
}

/** @param {{ tool: string, given: { [key: string]: Json }, output: string, live: boolean }} props */
function Output({ tool, given, output, live }) {
  if (commandOf(tool, given) !== null || live) return html`<${Terminal} text=${output} live=${live} />`;
  const table = tableOf(output);
  if (table) return html`<${Table} table=${table} />`;
  if (isPatch(output)) return html`<${Diff} lines=${patchLines(clip(output))} />`;
  return html`<pre class="output" tabindex="0" aria-label="Result">${clip(terminalText(output))}</pre>`;
}

/** Live output stays at its end. @param {{ text: string, live: boolean }} props */
function Terminal({ text, live }) {
  const root = useRef(/** @type {HTMLPreElement | null} */ (null));
  useLayoutEffect(() => {
    if (live && root.current) root.current.scrollTop = root.current.scrollHeight;
  }, [text]);
  return html`<pre class="terminal" ref=${root} tabindex="0" aria-label="Output">${clip(terminalText(text))}${live && html`<span class="cursor" aria-hidden="true"></span>`}</pre>`;
}

/** @param {{ table: NonNullable<ReturnType<typeof tableOf>> }} props */
function Table({ table: { columns, rows, more } }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Result">
    <table>
      <thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((text) => html`<td>${text}</td>`)}</tr>`)}</tbody>
    </table>
    ${more > 0 && html`<p class="faint">and ${more} more rows</p>`}
  </div>`;
}

/** @param {string} text */
function clip(text) {
  if (text.length <= SHOWN_CHARS) return text;
  return `${text.slice(0, SHOWN_CHARS / 2)}\n… ${text.length - SHOWN_CHARS} characters are not shown here …\n${text.slice(-SHOWN_CHARS / 2)}`;
}
