// Arguments: shows all that a call asks for, so that a person can judge it; the same before, during and after it runs.

/** @import { Json } from "../../../js/protocol.d.ts" */
import { exact, exactLine } from "../text/visible.js";
import { html } from "../ui/html.js";
import { partsOf } from "./calls.js";
import { Checklist, clip, Code, Command, Diff } from "./outputs.js";

const LONG_CHARS = 80;

/**
 * @param {{ tool: string, given: { [key: string]: Json }, edited?: boolean, withChange?: boolean, whole?: boolean, told?: string }} props
 * `told`: what stands above already; `withChange` false: the result says it better; `whole`: nothing is cut or folded away, because this is what is approved
 */
export function CallArguments({ tool, given, edited = false, withChange = true, whole = false, told = "" }) {
  const { change, command, file, plan, rest: others } = partsOf(tool, given);
  const rest = others.filter(([, value]) => value !== told || /\s/.test(told));
  return html`<div class="asked">
    ${edited && html`<p class="faint">Changed by a person before it ran.</p>`}
    ${rest.length > 0 && html`<dl>${rest.map(([name, value]) => html`<${Argument} key=${name} name=${name} value=${value} whole=${whole} />`)}</dl>`}
    ${command !== null && html`<${Command} command=${command} />`}
    ${file && html`<${Code} path=${file.path} text=${file.text} whole=${whole} />`}
    ${change && withChange && html`<${Diff} lines=${change.lines} whole=${whole} />`}
    ${plan && html`<${Checklist} items=${plan} />`}
  </div>`;
}

/** @param {{ name: string, value: Json, whole: boolean }} props */
function Argument({ name, value, whole }) {
  const text = exact(typeof value === "string" ? value : JSON.stringify(value, null, 2));
  const long = text.length > LONG_CHARS || text.includes("\n");
  return html`<div class=${long ? "argument long" : "argument"}>
    <dt>${exactLine(name)}</dt>
    <dd>${long ? html`<pre tabindex="0" role="group" aria-label=${exactLine(name)}>${whole ? text : clip(text)}</pre>` : html`<code>${text === "" ? "(empty)" : text}</code>`}</dd>
  </div>`;
}
