// Drops: takes files that are dragged onto the page, wherever they are dropped. Otherwise the browser would open them in
// the page's place.

/** @import { Conversation } from "../state/conversation.js" */
import { filesOf } from "../state/uploads.js";

/**
 * Listens until the function that it gives is called.
 * @param {Conversation} conversation @param {(over: boolean) => void} setOver is told whether files are held over the page that would be taken
 */
export function listenToDrops(conversation, setOver) {
  const carries = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  const dragged = (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer || !carries(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = conversation.drives ? "copy" : "none";
    setOver(conversation.drives);
  };
  const left = (/** @type {DragEvent} */ event) => event.relatedTarget === null && setOver(false);
  const dropped = (/** @type {DragEvent} */ event) => {
    if (!carries(event)) return;
    event.preventDefault();
    setOver(false);
    const files = filesOf(event.dataTransfer, new Date());
    if (files.length && conversation.drives) void conversation.upload(files);
  };
  addEventListener("dragenter", dragged);
  addEventListener("dragover", dragged);
  addEventListener("dragleave", left);
  addEventListener("drop", dropped);
  return () => {
    removeEventListener("dragenter", dragged);
    removeEventListener("dragover", dragged);
    removeEventListener("dragleave", left);
    removeEventListener("drop", dropped);
  };
}
