// Shortcuts panel: the list of keyboard shortcuts. Each shortcut is implemented in one other place.

import { Dialog } from "../ui/dialog.js";
import { ALT, CTRL, html } from "../ui/html.js";

/** @type {[string, [string[], string][]][]} */
const KEYS = [
  ["Say something", [
    [["Enter"], "Send; while a turn runs, wait in line"],
    [["Shift", "Enter"], "A new line"],
    [[CTRL, "Enter"], "While a turn runs: join it before its next step (steer)"],
    [["↑"], "In an empty field: what you said before; ↓ goes back"],
    [[CTRL, "↑"], "In an empty field: change what you said last"],
    [["/"], "Go to the message field"],
  ]],
  ["While it works", [
    [["Esc"], "Stop the turn"],
    [[ALT, "Y"], "Approve the first call that waits"],
    [[ALT, "N"], "Reject it"],
    [[ALT, "Shift", "Y"], "Approve all that wait"],
    [[ALT, "Shift", "N"], "Reject all that wait"],
  ]],
  ["Read and move", [
    [[ALT, "↑"], "To the message before"],
    [[ALT, "↓"], "To the message after"],
    [[CTRL, "F"], "Find in this conversation; again, in what the browser shows"],
    [[CTRL, "K"], "Search the sessions"],
    [[CTRL, "Shift", "O"], "A new session"],
    [["?"], "This list"],
  ]],
];

export function Keys() {
  return html`<${Dialog} title="Keyboard shortcuts">
    ${KEYS.map(([title, keys]) => html`<section class="keys-list">
      <h3>${title}</h3>
      <dl>${keys.map(([names, does]) => html`<div><dt>${names.map((name, at) => html`${at > 0 && "+"}<kbd>${name}</kbd>`)}</dt><dd>${does}</dd></div>`)}</dl>
    </section>`)}
    <p class="faint">All that the mouse does, the Tab key reaches too.</p>
  <//>`;
}
