// Keyboard: keys that work everywhere on the page. panels/keys.js lists what each does.

/** @import { Conversation } from "../state/conversation.js" */
import { guest, panel, showSession } from "../state/store.js";
import { finding } from "../messages/find.js";
import { overlayOpen } from "../ui/dialog.js";
import { composing } from "../ui/letters.js";

/** @param {EventTarget | null} target */
function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/**
 * Answers keys until the function that it gives is called.
 * @param {Conversation} conversation @param {(step: -1 | 1) => void} move goes to the message before or after
 */
export function listenToKeys(conversation, move) {
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.defaultPrevented || composing(event)) return;
    const control = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") {
      // In another field it is about what is written there.
      if (isWriting(event.target) && /** @type {HTMLElement} */ (event.target).id !== "message") return;
      if (conversation.running && conversation.drives && !overlayOpen()) conversation.now({ type: "interrupt" });
    } else if (event.key.toLowerCase() === "o" && event.shiftKey && control && !guest.value) {
      event.preventDefault();
      showSession(null);
    } else if (overlayOpen()) {
      return;
    } else if (event.key.toLowerCase() === "f" && control && !event.altKey && !event.shiftKey) {
      // In the bar itself the key is the browser's.
      if (/** @type {HTMLElement} */ (event.target).closest?.(".find") || !conversation.view.messages.length) return;
      event.preventDefault();
      finding.value += 1;
    } else if (event.altKey && !control && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      move(event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "?" && !isWriting(event.target)) {
      event.preventDefault();
      panel.value = "keys";
    } else if (event.key === "/" && !control && !isWriting(event.target)) {
      event.preventDefault();
      document.getElementById("message")?.focus();
    }
  };
  addEventListener("keydown", keys);
  return () => removeEventListener("keydown", keys);
}
