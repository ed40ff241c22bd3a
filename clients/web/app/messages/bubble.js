// Bubble: what a person wrote; of a long text the beginning, until all of it is asked for.

import { useState } from "preact/hooks";
import { beginningOf } from "../text/format.js";
import { html } from "../ui/html.js";

/** `memory` keeps under `name` whether all is shown. @param {{ text: string, memory: Map<string, boolean>, name: string }} props */
export function Bubble({ text, memory, name }) {
  const [whole, setWhole] = useState(memory.get(name) ?? false);
  const beginning = beginningOf(text);
  const show = (/** @type {boolean} */ all) => {
    memory.set(name, all);
    setWhole(all);
  };
  return html`<div class="bubble" dir="auto">${beginning === null || whole ? text : `${beginning}…`}</div>
    ${beginning !== null && html`<button type="button" class=${`link ${whole ? "" : "whole"}`} onClick=${() => show(!whole)}>${whole ? "Show less" : `Show all ${text.length.toLocaleString()} characters`}</button>`}`;
}
