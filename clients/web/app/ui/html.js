// Templates: `html` for components, the icons, and the names of keys.

import htm from "htm";
import { h } from "preact";

/** @typedef {import("preact").ComponentChildren} Children */

/** @type {(strings: TemplateStringsArray, ...values: any[]) => import("preact").VNode<any>} */
export const html = /** @type {any} */ (htm.bind(h));

const MAC = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");
/** What is on the keys of this machine. */
export const CTRL = MAC ? "⌘" : "Ctrl";
export const ALT = MAC ? "⌥" : "Alt";

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  send: "M5 12l14-7-5 14-3-6z",
  stop: "M7 7h10v10H7z",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  trash: "M5 7h14M9 7V5h6v2M7 7l1 12h8l1-12",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  copy: "M9 9h10v10H9zM5 15V5h10",
  undo: "M9 7L5 11l4 4M5 11h9a5 5 0 0 1 0 10h-3",
  retry: "M5 12a7 7 0 1 0 2-5M5 4v4h4",
  check: "M5 13l4 4L19 7",
  dot: "M12 12h.01",
  down: "M12 5v14M6 13l6 6 6-6",
  up: "M12 19V5M6 11l6-6 6 6",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  clip: "M8 12l5-5a3 3 0 0 1 4 4l-7 7a4.500 4.500 0 0 1-6-6l7-7",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  share: "M12 15V4M8 8l4-4 4 4M5 13v6h14v-6",
  fold: "M9 6l6 6-6 6",
  wait: "M12 7v5l3 2M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16",
  run: "M8 6l10 6-10 6z",
  compact: "M5 12h14M12 3v5M9 6l3 3 3-3M12 21v-5M9 18l3-3 3 3",
  guard: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z",
  no: "M6.500 6.500l11 11M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16",
  ask: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.500h.01",
  file: "M7 4h7l4 4v12H7zM14 4v4h4",
  folder: "M4 6h6l2 2h8v11H4z",
  key: "M4 8h16v9H4zM7 11h.01M11 11h.01M15 11h.01M8 14h8",
  settings: "M4 7h9M18 7h2M4 17h2M11 17h9M15.500 4.500v5M8.500 14.500v5",
  think: "M9 18h6M10 21h4M8.500 14.500a6 6 0 1 1 7 0v1h-7z",
  logout: "M14 5H6v14h8M11 12h9M17 9l3 3-3 3",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4",
  info: "M12 11v6M12 7.500h.01M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16",
};

const POSTS = "M11 7.500v17M21 7.500v17";
const LINE = "M4.500 16C8 16 8 18.500 11 18.500S18 13.500 21 13.500 24 16 27.500 16";

/** @typedef {keyof typeof PATHS} IconName */

/** The mark of Holdfast, as in icon.svg: a line that is made fast around two posts. */
export function Mark() {
  return html`<svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path class="mark-posts" d=${POSTS} /><path class="mark-gap" d=${LINE} /><path class="mark-line" d=${LINE} /></svg>`;
}

/** A line drawing; the words beside it, or the label of its button, say what it means. @param {{ name: IconName }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
