// Find bar: looks for words in the whole conversation, of which the document holds only what is near.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { Row } from "../state/rows.js" */
/** @import { VirtualList } from "./virtual-list.js" */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Finder } from "../text/find.js";
import { html, Icon } from "../ui/html.js";
import { mark, rangesIn, unmark } from "./highlights.js";

/** Whether the bar is shown; counts how often it was asked for. */
export const finding = signal(0);

/** What is looked through of a row. @param {Row} row */
function textOf(row) {
  if (row.kind === "tool") return `${row.tool} ${Object.values(row.arguments).map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n")}\n${row.output}`;
  if (row.kind === "note") return `${row.note.text} ${row.note.advice}`;
  return row.kind === "working" ? "" : row.text;
}

/** @param {{ conversation: Conversation, list: { current: VirtualList | null } }} props */
export function FindBar({ conversation, list }) {
  void [conversation.version.value, conversation.grown.value];
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const finder = useMemo(() => new Finder(textOf), [conversation]);
  const found = finder.find(conversation.rows(), words);
  const now = Math.min(at, Math.max(0, found.length - 1));
  const scroller = () => list.current?.scroller.current ?? null;
  const shown = useRef(/** @type {Range | null} */ (null));
  /** Which place is asked for, by number: what comes late, or after the bar is gone, marks nothing. */
  const asked = useRef(0);
  useEffect(() => field.current?.select(), [finding.value]);
  useEffect(() => {
    let drawn = 0;
    const again = () => {
      cancelAnimationFrame(drawn);
      drawn = requestAnimationFrame(() => mark(scroller(), words, shown.current));
    };
    const element = scroller();
    element?.addEventListener("scroll", again);
    return () => {
      asked.current += 1;
      cancelAnimationFrame(drawn);
      element?.removeEventListener("scroll", again);
      unmark();
    };
  }, [words]);
  const show = async (/** @type {number} */ number) => {
    const mine = ++asked.current;
    setAt(number);
    shown.current = null;
    const place = found[number];
    const row = place && (await list.current?.show(place.key));
    if (mine !== asked.current) return;
    if (!row) return mark(scroller(), words, null);
    // What is folded, or shown in part, has its content when it is open.
    const closed = rangesIn(row, words).length <= place.nth ? row.querySelectorAll("details:not([open]), .whole") : [];
    for (const one of closed) if (one instanceof HTMLDetailsElement) one.open = true; else /** @type {HTMLElement} */ (one).click();
    if (closed.length) await new Promise((made) => setTimeout(made));
    if (mine !== asked.current) return;
    const ranges = rangesIn(row, words);
    const range = ranges[Math.min(place.nth, ranges.length - 1)] ?? null;
    range?.startContainer.parentElement?.scrollIntoView({ block: "center" });
    mark(scroller(), words, (shown.current = range));
  };
  const key = found[now]?.key;
  useEffect(() => void (words && show(0)), [words]);
  const step = (/** @type {1 | -1} */ by) => found.length > 0 && void show((now + by + found.length) % found.length);
  const leave = () => {
    finding.value = 0;
    document.getElementById("message")?.focus();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const says = !words.trim() ? "" : found.length ? `${now + 1} of ${found.length}` : "Nothing found";
  return html`<form class="find" role="search" aria-label="Find in this conversation" data-key=${key} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()} onKeyDown=${keys}>
    <input ref=${field} type="text" aria-label="Find in this conversation" placeholder="Find in this conversation" value=${words} onInput=${(/** @type {any} */ event) => (setWords(event.target.value), setAt(0))} />
    <span class="faint" role="status">${says}</span>
    <button type="button" class="quiet" aria-label="The one before" disabled=${!found.length} onClick=${() => step(-1)}><${Icon} name="up" /></button>
    <button type="button" class="quiet" aria-label="The next one" disabled=${!found.length} onClick=${() => step(1)}><${Icon} name="down" /></button>
    <button type="button" class="quiet" aria-label="Close" onClick=${leave}><${Icon} name="close" /></button>
  </form>`;
}
