// Outputs: shows a result as a terminal, a diff, a table, a file with colours, a checklist, or plain text.

/** @import { DiffLine } from "../text/diff.js" */
/** @import { Table as TableShape } from "../text/tables.js" */
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { terminalRuns } from "../text/ansi.js";
import { patchIn, shortened } from "../text/diff.js";
import { tableOf } from "../text/tables.js";
import { exact, exactLine, visible } from "../text/visible.js";
import { html } from "../ui/html.js";
import { highlight } from "../markdown/highlight.js";
import { Markdown } from "../markdown/markdown.js";
import { kindOf } from "../markdown/reading/tables.js";
import { commandOf, languageOf, riskParts } from "./calls.js";

/** Longer text is cut for display; the whole is in the export. */
const SHOWN_CHARS = 60_000;
const DIFF_LINES = 2_000;
/** The tool whose output a model wrote for people. */
const REPORTS = "research";
const MARKS = { same: " ", old: "−", new: "+", head: " " };
const SAYS = { same: "", old: "removed: ", new: "added: ", head: "" };

/** @param {string} text */
export function clip(text) {
  if (text.length <= SHOWN_CHARS) return text;
  return `${text.slice(0, SHOWN_CHARS / 2)}\n… ${text.length - SHOWN_CHARS} characters are not shown here …\n${text.slice(-SHOWN_CHARS / 2)}`;
}

/** The output of a call, as it is best read. @param {{ tool: string, given: import("./calls.js").Arguments, output: string, live: boolean }} props */
export function Output({ tool, given, output, live }) {
  const shape = useMemo(() => (live ? { table: null, patch: null } : { table: tableOf(output), patch: patchIn(output) }), [output, live]);
  if (commandOf(tool, given) !== null || live) return html`<${Terminal} text=${output} live=${live} />`;
  if (tool === REPORTS) return html`<div class="report" role="group" aria-label="Report"><${Markdown} text=${clip(output)} done=${true} /></div>`;
  if (shape.patch) {
    const { before, lines, after } = shape.patch;
    return html`${before && html`<p class="faint">${visible(before)}</p>`}<${Diff} lines=${lines} />${after && html`<${Plain} text=${after} />`}`;
  }
  if (shape.table) {
    const { before, after } = shape.table;
    return html`${before && html`<p class="faint around">${visible(before)}</p>`}<${Table} table=${shape.table} />${after && html`<p class="faint around">${visible(after)}</p>`}`;
  }
  return html`<${Plain} text=${output} />`;
}

/** @param {{ text: string }} props */
function Plain({ text }) {
  return html`<pre class="output" tabindex="0" role="group" aria-label="Result">${styledText(text)}</pre>`;
}

/** @param {string} text */
function styledText(text) {
  return terminalRuns(clip(text)).map(({ text: said, style }) => (style ? html`<span class=${style.replace(/\S+/g, "t-$&")}>${visible(said)}</span>` : visible(said)));
}

/** Live output stays at its end, unless its reader has gone up. @param {{ text: string, live: boolean }} props */
function Terminal({ text, live }) {
  const root = useRef(/** @type {HTMLPreElement | null} */ (null));
  const away = useRef(false);
  useLayoutEffect(() => {
    if (live && !away.current && root.current) root.current.scrollTop = root.current.scrollHeight;
  }, [text]);
  const scrolled = (/** @type {any} */ { target }) => (away.current = target.scrollHeight - target.clientHeight - target.scrollTop > 30);
  return html`<pre class="terminal" ref=${root} tabindex="0" role="group" aria-label="Output" onScroll=${scrolled}>${styledText(text)}${live && html`<span class="cursor" aria-hidden="true"></span>`}</pre>`;
}

/** @param {{ command: string }} props */
export function Command({ command }) {
  return html`<pre class="terminal command" tabindex="0" role="group" aria-label="Command"><span class="prompt" aria-hidden="true">$ </span>${riskParts(exact(command)).map((part, at) => (at % 2 ? html`<mark class="risk" title="Look twice: this may lose work">${part}</mark>` : part))}</pre>`;
}

/** @param {{ lines: DiffLine[], whole?: boolean }} props `whole`: with all lines, also those that do not change */
export function Diff({ lines, whole = false }) {
  const shown = whole ? lines : shortened(lines).slice(0, DIFF_LINES);
  return html`<pre class="diff" tabindex="0" role="group" aria-label="Change">${shown.map(({ kind, text }) => {
    return html`<span class=${`line ${kind}`}><span class="mark" aria-hidden="true">${MARKS[kind]}</span><span class="hidden">${SAYS[kind]}</span>${visible(text)}${"\n"}</span>`;
  })}${!whole && lines.length > DIFF_LINES && html`<span class="line head">more is not shown here</span>`}</pre>`;
}

/** A file's text, in the colours of its language if it is short. @param {{ path: string, text: string, whole?: boolean, says?: string }} props */
export function Code({ path, text, whole = false, says = "Text of" }) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = visible(whole ? text : clip(text));
  // Its content is put there by hand, because colours replace it: the library must not look after it too.
  useLayoutEffect(() => {
    const code = /** @type {HTMLElement} */ (root.current);
    code.textContent = shown;
    if (shown.length <= 2 * SHOWN_CHARS) void highlight(code, languageOf(path));
  }, [shown, path]);
  return html`<pre class="file-text" tabindex="0" role="group" aria-label=${`${says} ${exactLine(path)}`}><code ref=${root}></code></pre>`;
}

/** @param {{ table: TableShape }} props */
export function Table({ table: { columns, rows, more } }) {
  return html`<div class="scroll rows-table" tabindex="0" role="group" aria-label="Rows">
    <table>
      <thead><tr>${columns.map((name) => html`<th scope="col">${visible(name)}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((text) => html`<td class=${kindOf(text)}>${visible(clip(text))}</td>`)}</tr>`)}</tbody>
    </table>
    ${more > 0 && html`<p class="faint">and ${more} more rows</p>`}
  </div>`;
}

const PLAN_SAYS = /** @type {Record<string, string>} */ ({ pending: "to do", in_progress: "under way", completed: "done" });

/** @param {{ items: { text: string, status: string }[] }} props */
export function Checklist({ items }) {
  return html`<ol class="checklist">
    ${items.map(({ text, status }) => html`<li data-status=${status}><span class="box" aria-hidden="true"></span><span><span class="hidden">${PLAN_SAYS[status] ?? status}: </span>${visible(text)}</span></li>`)}
  </ol>`;
}
