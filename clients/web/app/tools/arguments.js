// Arguments: shows what a call asks for, so that a person can judge it; the same before, during and after it runs.

/** @import { Json } from "../../../../docs/protocol.d.ts" */
import { visible } from "../text/visible.js";
import { html } from "../ui/html.js";
import { changeOf, commandOf, fileOf, planOf } from "./calls.js";
import { Checklist, clip, Code, Command, Diff } from "./outputs.js";

const LONG_CHARS = 80;

/** @param {{ tool: string, given: { [key: string]: Json }, edited?: boolean, withChange?: boolean }} props `withChange` false: the result says it better */
export function CallArguments({ tool, given, edited = false, withChange = true }) {
  const change = changeOf(given);
  const command = commandOf(tool, given);
  const file = fileOf(tool, given);
  const plan = planOf(tool, given);
  const shown = new Set([...(change?.names ?? []), ...(command === null ? [] : ["command", "cmd", "script"]), ...(file ? ["content", "file_text"] : []), ...(plan ? ["items"] : [])]);
  const rest = Object.entries(given).filter(([name]) => !shown.has(name));
  return html`<div class="asked">
    ${edited && html`<p class="faint">Changed by a person before it ran.</p>`}
    ${rest.length > 0 && html`<dl>${rest.map(([name, value]) => html`<${Argument} key=${name} name=${name} value=${value} />`)}</dl>`}
    ${command !== null && html`<${Command} command=${command} />`}
    ${file && html`<${Code} path=${file.path} text=${file.text} />`}
    ${change && withChange && html`<${Diff} lines=${change.lines} />`}
    ${plan && html`<${Checklist} items=${plan} />`}
  </div>`;
}

/** @param {{ name: string, value: Json }} props */
function Argument({ name, value }) {
  const text = visible(typeof value === "string" ? value : JSON.stringify(value, null, 2));
  const long = text.length > LONG_CHARS || text.includes("\n");
  return html`<div class=${long ? "argument long" : "argument"}>
    <dt>${visible(name)}</dt>
    <dd>${long ? html`<pre tabindex="0" role="group" aria-label=${name}>${clip(text)}</pre>` : html`<code>${text === "" ? "(empty)" : text}</code>`}</dd>
  </div>`;
}
