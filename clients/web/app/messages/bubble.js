// Bubble: what a person wrote, with links to the files that came with it; of a long text the beginning, until all of it is asked for.

import { useState } from "preact/hooks";
import { beginningOf } from "../text/format.js";
import { html } from "../ui/html.js";

/** How files are named at the end of a message, see uploads.js. */
const FILES = /\(In the workspace: `[^`\n]+`(?:, `[^`\n]+`)*\)$/;

/** The same text, in which the names of files are links. @param {string} text @param {(path: string) => string | null} fileLink */
function linked(text, fileLink) {
  const at = text.search(FILES);
  if (at < 0) return text;
  const parts = text.slice(at).split("`"); // each second one is a name
  const named = parts.map((part, number) => (number % 2 ? html`<span class="tick">\`</span><a href=${fileLink(part)} download>${part}</a><span class="tick">\`</span>` : part));
  return html`${text.slice(0, at)}<span class="said-files">${named}</span>`;
}

/** `memory` keeps under `name` whether all is shown. @param {{ text: string, memory: Map<string, boolean>, name: string, fileLink: (path: string) => string | null }} props */
export function Bubble({ text, memory, name, fileLink }) {
  const [whole, setWhole] = useState(memory.get(name) ?? false);
  const beginning = beginningOf(text);
  const show = (/** @type {boolean} */ all) => {
    memory.set(name, all);
    setWhole(all);
  };
  return html`<div class="bubble" dir="auto">${beginning === null || whole ? linked(text, fileLink) : `${beginning}…`}</div>
    ${beginning !== null && html`<button type="button" class=${`link ${whole ? "" : "whole"}`} onClick=${() => show(!whole)}>${whole ? "Show less" : `Show all ${text.length.toLocaleString()} characters`}</button>`}`;
}
