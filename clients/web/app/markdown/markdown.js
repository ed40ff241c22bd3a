// Markdown component: shows a text as Markdown, while it grows and when it is complete.

import { useLayoutEffect, useRef } from "preact/hooks";
import { config } from "../state/store.js";
import { html } from "../ui/html.js";
import { MarkdownWriter } from "./writer.js";

/** Markdown, growing or whole. @param {{ text: string, done: boolean, fileLink?: (path: string) => string | null }} props */
export function Markdown({ text, done, fileLink }) {
  const root = useRef(/** @type {HTMLDivElement | null} */ (null));
  const writer = useRef(/** @type {MarkdownWriter | null} */ (null));
  useLayoutEffect(() => {
    writer.current ??= new MarkdownWriter(/** @type {HTMLDivElement} */ (root.current), config.value?.page?.image_sources ?? [], fileLink);
    writer.current.show(text, done);
  }, [text, done]);
  useLayoutEffect(() => () => writer.current?.stop(), []);
  return html`<div class="markdown" ref=${root} onClick=${toNote}></div>`;
}

/** Shows the note of the mark that was pressed. @param {MouseEvent} event */
function toNote({ target, currentTarget }) {
  const name = /** @type {HTMLElement} */ (target).closest?.("[data-to-note]")?.getAttribute("data-to-note");
  if (!name) return;
  const notes = /** @type {HTMLElement} */ (currentTarget).querySelectorAll(".footnote");
  const note = /** @type {HTMLElement | undefined} */ ([...notes].find((each) => each.getAttribute("data-note") === name));
  note?.scrollIntoView({ block: "nearest" });
  note?.focus();
}
