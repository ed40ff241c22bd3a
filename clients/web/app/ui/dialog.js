// Dialog: a panel above the page, one at a time. The browser moves the focus into it and back.

import { useEffect, useRef } from "preact/hooks";
import { panel } from "../state/store.js";
import { html, Icon } from "./html.js";

/** Whether something is open that Escape would close. */
export function overlayOpen() {
  return document.querySelector("dialog[open], :popover-open, .menu[open]") !== null;
}

/** @param {{ title: string, class?: string, children?: any }} props */
export function Dialog({ title, children, ...rest }) {
  const root = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    root.current?.showModal();
    return () => (before?.isConnected && before !== document.body ? before : document.getElementById("message"))?.focus();
  }, []);
  const close = () => (panel.value = "");
  // A press on what is around it closes it.
  const pressed = (/** @type {MouseEvent} */ event) => event.target === root.current && close();
  return html`<dialog ref=${root} class=${`panel ${rest.class ?? ""}`} aria-label=${title} onClose=${close} onClick=${pressed}>
    <div class="panel-inside">
      <div class="panel-head">
        <h2>${title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${close}><${Icon} name="close" /></button>
      </div>
      ${children}
    </div>
  </dialog>`;
}
