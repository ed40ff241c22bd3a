// Linked message: the address may name a message of the session, which is then shown.

/** @import { VirtualList } from "./virtual-list.js" */
import { useEffect } from "preact/hooks";
import { notify, pathOf } from "../state/store.js";
import { copy } from "../ui/clipboard.js";

const NAME = "at";
/** How long the message that a link names is marked. */
const MARKED_MS = 3_000;

/** @param {string} sessionId @param {string} key of the message's row */
export const copyLink = (sessionId, key) => copy(`${location.origin}${pathOf(sessionId)}#${NAME}=${encodeURIComponent(key)}`);

/** Show the message that the address names, once the conversation is there. @param {{ current: VirtualList | null }} list @param {boolean} ready */
export function useLinked(list, ready) {
  useEffect(() => {
    if (!ready) return;
    const look = async () => {
      const key = new URLSearchParams(location.hash.slice(1)).get(NAME);
      if (key === null) return;
      const element = await list.current?.show(key);
      if (!element) return void notify("The message of this link is not loaded: it was taken back, or is older than what is shown.");
      element.focus({ preventScroll: true });
      element.dataset.linked = "true";
      setTimeout(() => delete element.dataset.linked, MARKED_MS);
    };
    void look();
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, [ready]);
}
