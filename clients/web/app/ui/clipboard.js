// Clipboard: copies texts and code blocks, and tells the reader whether that worked.

import { announced, notify } from "../state/store.js";

/** Whether it was copied. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announced.value = "Copied";
    notify("Copied.", {}, 2000);
    return true;
  } catch {
    notify("The browser did not allow copying.", { tone: "bad" });
    return false;
  }
}

/** Copies code: the buttons of code blocks are made outside of this library. @param {MouseEvent} event */
export function copyCode(event) {
  const button = /** @type {HTMLElement} */ (event.target).closest?.("[data-copy]");
  const code = button?.closest(".code")?.querySelector("code");
  if (code) void copy(code.textContent ?? "");
}
