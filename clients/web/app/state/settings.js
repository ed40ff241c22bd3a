// Settings: how this browser shows the page: its colours, the size of its text, what Enter does, notifications. The browser keeps them.

import { effect, signal } from "@preact/signals";

/** @typedef {{ theme: "system" | "light" | "dark", size: "small" | "normal" | "large", enter: "auto" | "send" | "line", notify: "no" | "yes" }} Settings */

const KEPT = "holdfast.settings";
/** What each may be; the first is what it is until it is chosen. @type {{ [Name in keyof Settings]: Settings[Name][] }} */
const CHOICES = { theme: ["system", "light", "dark"], size: ["normal", "small", "large"], enter: ["auto", "send", "line"], notify: ["no", "yes"] };

/** What was kept, as far as it makes sense. @param {string | null} kept @returns {Settings} */
export function read(kept) {
  let found;
  try {
    found = JSON.parse(kept ?? "{}");
  } catch {
    found = {}; // not ours
  }
  return /** @type {any} */ (Object.fromEntries(Object.entries(CHOICES).map(([name, values]) => [name, /** @type {string[]} */ (values).includes(found?.[name]) ? found[name] : values[0]])));
}

function stored() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // there is no storage
  }
}

export const settings = signal(read(stored()));
addEventListener("storage", ({ key }) => key === KEPT && (settings.value = read(stored())));
effect(() => {
  const { theme, size } = settings.value;
  Object.assign(document.documentElement.dataset, { theme, size });
});

/** @param {Partial<Settings>} change */
export function choose(change) {
  settings.value = { ...settings.value, ...change };
  try {
    localStorage.setItem(KEPT, JSON.stringify(settings.value));
  } catch {
    // it holds for this tab
  }
}

/** Asked once: a browser keeps each question for as long as the page. */
const touched = globalThis.matchMedia?.("(pointer: coarse)");

/** Whether Enter alone sends. On a touch screen the keyboard is on the screen, and has no other key for a new line. */
export function enterSends() {
  const { enter } = settings.value;
  return enter === "send" || (enter === "auto" && !touched?.matches);
}
