// Tabs: those of this origin give one another the origin keys. Each has them in its own storage, so that they end with the last tab.

import { base, server } from "../api/base.js";
import { keysFor, loadKeys, storeKeys } from "../../../js/src/lib/keys.js";

/** Of the channel, which no other origin reaches, and of the lock that every tab with keys holds. */
const NAME = `holdfast.tabs${base}`;
const PATIENCE_MS = 3_000;

/** What tabs say: that they want the keys, or which keys there are now. @typedef {{ wanted: true } | { keys: import("../../../js/src/lib/keys.js").Keys }} Said */

/** @type {BroadcastChannel | null} */
let channel = null;
/** Gives the lock back; null while it is not held. @type {(() => void) | null} */
let release = null;

/** Answer other tabs, and take over what they have now. @param {() => void} changed called when another tab has changed the keys */
export function joinTabs(changed) {
  channel?.close(); // of an attempt before
  channel = new BroadcastChannel(NAME);
  channel.onmessage = (/** @type {MessageEvent<Said>} */ { data }) => {
    if ("wanted" in data) return keysFor(server).length && tellTabs();
    storeKeys(data.keys, server);
    hold();
    changed();
  };
  hold();
}

/** Tell the other tabs the keys that this one has now. */
export function tellTabs() {
  channel?.postMessage({ keys: loadKeys(server) });
  hold();
}

/** Ask the other tabs for their keys. Whether there are any: where no tab has some, this is known at once. */
export async function askTabs() {
  const tabs = channel;
  if (tabs === null || !(await someTabHasKeys())) return false;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS, false);
    const answered = (/** @type {MessageEvent<Said>} */ { data }) => {
      if (!("keys" in data)) return;
      clearTimeout(timer);
      tabs.removeEventListener("message", answered);
      resolve(keysFor(server).length > 0);
    };
    tabs.addEventListener("message", answered);
    tabs.postMessage({ wanted: true });
  });
}

async function someTabHasKeys() {
  if (!navigator.locks) return false; // not a secure context: the browser keeps no cookie of the server there
  const { held } = await navigator.locks.query();
  return held?.some(({ name }) => name === NAME) ?? false;
}

/** Hold the lock as long as this tab has keys: it tells new tabs that one can be asked, and keeps the browser from freezing it. */
function hold() {
  if (!keysFor(server).length) {
    release?.();
    release = null;
  } else if (release === null) {
    const ended = new Promise((resolve) => (release = () => resolve(null)));
    navigator.locks?.request(NAME, { mode: "shared" }, () => ended).catch(() => {}); // it is only asked after: see PATIENCE_MS
  }
}
