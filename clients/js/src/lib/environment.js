// Environment: what the client needs of its browser: sockets, HTTP, a clock, and whether there is a network.

import { keysFor } from "./keys.js";

/**
 * What the client uses of its browser; tests bring their own.
 * @typedef {object} Environment
 * @property {typeof WebSocket} WebSocket
 * @property {typeof fetch} fetch
 * @property {() => number} now monotonic, in milliseconds
 * @property {(run: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {EventTarget} events where `online`, `offline`, `pageshow` and `visibilitychange` are heard
 * @property {(server: string) => string[]} keys the origin keys that go with this browser's cookies for the server at an address
 * @property {() => { online: boolean, visible: boolean }} condition
 */

/** @type {Environment | undefined} */
let ofThisBrowser;

/** The one of this page: sessions share it, so that what it listens to does not grow with them. @returns {Environment} */
export function browserEnvironment() {
  return (ofThisBrowser ??= made());
}

/** @returns {Environment} */
function made() {
  const events = new EventTarget();
  for (const name of ["online", "offline", "pageshow"]) globalThis.addEventListener?.(name, () => events.dispatchEvent(new Event(name)));
  globalThis.document?.addEventListener("visibilitychange", () => events.dispatchEvent(new Event("visibilitychange")));
  return {
    WebSocket: globalThis.WebSocket,
    fetch: (...request) => globalThis.fetch(...request),
    now: () => performance.now(),
    setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    events,
    keys: keysFor,
    condition: () => ({ online: globalThis.navigator?.onLine ?? true, visible: globalThis.document?.visibilityState !== "hidden" }),
  };
}
