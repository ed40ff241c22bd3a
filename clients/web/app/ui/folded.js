// Folded: a title that opens and closes its content.

import { useState } from "preact/hooks";
import { html, Icon } from "./html.js";

/**
 * Something that opens. Its content is made when it is first opened. `memory` keeps under `name` what the reader chose, for when
 * the list makes the row anew.
 * @param {{ title: any, class?: string, open?: boolean, memory: Map<string, boolean>, name: string, children?: any }} props
 */
export function Folded({ title, children, open = false, memory, name, ...rest }) {
  const [isOpen, setOpen] = useState(memory.get(name) ?? open);
  const toggled = (/** @type {Event} */ event) => {
    const now = /** @type {HTMLDetailsElement} */ (event.currentTarget).open;
    if (now !== isOpen) memory.set(name, now);
    setOpen(now);
  };
  return html`<details class=${rest.class} open=${isOpen} onToggle=${toggled}>
    <summary><${Icon} name="fold" />${title}</summary>
    ${isOpen && children}
  </details>`;
}
