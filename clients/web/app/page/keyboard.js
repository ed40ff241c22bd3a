// Keyboard: keys that work everywhere on the page. panels/keys.js lists what each does.

/** @import { Conversation } from "../state/conversation.js" */
import { asMarkdown } from "../api/export.js";
import { guest, panel, showSession } from "../state/store.js";
import { finding } from "../messages/find.js";
import { overlayOpen } from "../ui/dialog.js";
import { composing } from "../ui/letters.js";

/** @param {EventTarget | null} target */
function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** What is selected from its beginning to its end is the whole conversation, of which the document holds a part. @param {Conversation} conversation */
function listenToCopies(conversation) {
  const copied = (/** @type {ClipboardEvent} */ event) => {
    const list = document.querySelector(".rows");
    if (isWriting(event.target) || overlayOpen() || !list || !getSelection()?.containsNode(list)) return;
    event.preventDefault();
    event.clipboardData?.setData("text/plain", asMarkdown(conversation.view));
  };
  document.addEventListener("copy", copied);
  return () => document.removeEventListener("copy", copied);
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
  const noCopies = listenToCopies(conversation);
  return () => {
    removeEventListener("keydown", keys);
    noCopies();
  };
}
