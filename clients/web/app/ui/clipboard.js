// Clipboard: copies texts and code blocks, and tells the reader whether that worked.

import { useEffect, useState } from "preact/hooks";
import { announced, notify } from "../state/store.js";
import { html, Icon } from "./html.js";

/** How long a button says that its text was copied. */
const COPIED_MS = 2000;

/** Whether it was copied. @param {string} text */
async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    announced.value = "Copied";
    return true;
  } catch {
    notify("The browser did not allow copying.", { tone: "bad" });
    return false;
  }
}

/** Copies, and says so at the edge. Gives whether it was copied. @param {string} text */
export async function copy(text) {
  const copied = await written(text);
  if (copied) notify("Copied.", {}, COPIED_MS);
  return copied;
}

/** A button that copies, and says so itself. @param {{ text: string, says?: string }} props */
export function CopyButton({ text, says = "Copy" }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  return html`<button type="button" class="quiet" onClick=${async () => setCopied(await written(text))}><${Icon} name=${copied ? "check" : "copy"} /> ${copied ? "Copied" : says}</button>`;
}

/** Copies code, wraps its lines, or folds it: the buttons of code blocks are made outside of this library. @param {MouseEvent} event */
export async function pressInCode(event) {
  const button = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest?.("[data-copy], [data-wrap], [data-fold]"));
  const block = /** @type {HTMLElement | null | undefined} */ (button?.closest(".code"));
  if (!button || !block) return;
  const what = "wrap" in button.dataset ? "wraps" : "fold" in button.dataset ? "folded" : null;
  if (what) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    block.dataset[what] = String(on);
  } else if (await written(block.querySelector("code")?.textContent ?? "")) {
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
  }
}
