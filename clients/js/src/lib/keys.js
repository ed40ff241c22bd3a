// Keys: the origin keys that the server gave with its cookies. They are in the storage that this tab has for its origin, which other ports of the
// machine do not get, and which ends with the tab.

/** The key of a login, and that of a link into one session. @typedef {"login" | "guest"} KeyKind */
/** @typedef {Partial<Record<KeyKind, string>>} Keys */

const STORED = "holdfast.keys";
/** Servers that share an origin, each below a path of its own, have keys of their own. @param {string} server */
const nameFor = (server) => `${STORED}${new URL(server, location.href).pathname.replace(/\/$/, "")}`;
const HEADER = "holdfast-key";
/** As which a websocket carries a key: it has no headers of the page's choice. The server never chooses it. */
const SUBPROTOCOL_KEY = "holdfast.key.";

/** What this tab has for a server. @param {string} server its address @returns {Keys} */
export function loadKeys(server) {
  try {
    const found = JSON.parse(sessionStorage.getItem(nameFor(server)) ?? "{}");
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {}; // there is no storage, or what is in it is not ours
  }
}

/** Keep these keys in place of what this tab has for a server. @param {Keys} keys none: it was logged out @param {string} server its address */
export function storeKeys(keys, server) {
  try {
    if (Object.keys(keys).length) sessionStorage.setItem(nameFor(server), JSON.stringify(keys));
    else sessionStorage.removeItem(nameFor(server));
  } catch {
    // without storage the cookie alone is left, and the server says that it does not suffice
  }
}

/**
 * Keep the key that came with a cookie, in place of an earlier one.
 * @param {KeyKind} kind @param {string | undefined} key none: the cookie needs none @param {string} server its address
 */
export function keepKey(kind, key, server) {
  storeKeys({ ...loadKeys(server), [kind]: key }, server);
}

/** The keys for a server; none for one of another origin. @param {string} server its address @returns {string[]} */
export function keysFor(server) {
  if (!globalThis.location || new URL(server, location.href).origin !== location.origin) return [];
  return Object.values(loadKeys(server)).filter((key) => typeof key === "string" && /^[\w-]+$/.test(key));
}

/** @param {string[]} keys @returns {Record<string, string>} */
export const keyHeaders = (keys) => (keys.length ? { [HEADER]: keys.join(", ") } : {});

const SUBPROTOCOL_TICKET = "holdfast.ticket.";

/** @param {string} ticket */
export const ticketSubprotocol = (ticket) => SUBPROTOCOL_TICKET + ticket;

/** @param {string[]} keys */
export const keySubprotocols = (keys) => keys.map((key) => SUBPROTOCOL_KEY + key);
