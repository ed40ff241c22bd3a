// Folded: a title that opens and closes its content.

import { useState } from "preact/hooks";
import { html, Icon } from "./html.js";

/** Something that opens. Its content is made when it is first opened. @param {{ title: any, class?: string, open?: boolean, onToggle?: (open: boolean) => void, children?: any }} props */
export function Folded({ title, children, open = false, onToggle, ...rest }) {
  const [isOpen, setOpen] = useState(open);
  const toggled = (/** @type {Event} */ event) => {
    const now = /** @type {HTMLDetailsElement} */ (event.currentTarget).open;
    if (now !== isOpen) onToggle?.(now);
    setOpen(now);
  };
  return html`<details class=${rest.class} open=${isOpen} onToggle=${toggled}>
    <summary><${Icon} name="fold" />${title}</summary>
    ${isOpen && children}
  </details>`;
}
