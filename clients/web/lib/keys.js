// Keys: the origin keys that the server gave with its cookies. They stay in the storage of this origin, which other ports of the machine do not get.

/** The key of a login, and that of a link into one session. @typedef {"login" | "guest"} KeyKind */

const STORED = "holdfast.keys";
/** Servers that share an origin, each below a path of its own, have keys of their own. @param {string} server */
const nameFor = (server) => `${STORED}${new URL(server, location.href).pathname.replace(/\/$/, "")}`;
const HEADER = "holdfast-key";
/** As which a websocket carries a key: it has no headers of the page's choice. The server never chooses it. */
const SUBPROTOCOL_KEY = "holdfast.key.";

/** @param {string} server @returns {Partial<Record<KeyKind, string>>} */
function load(server) {
  try {
    const found = JSON.parse(localStorage.getItem(nameFor(server)) ?? "{}");
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {}; // there is no storage, or what is in it is not ours
  }
}

/**
 * Keep the key that came with a cookie, in place of an earlier one. All tabs of the origin have it, and no other origin.
 * @param {KeyKind} kind @param {string | undefined} key none: the cookie needs none @param {string} server its address
 */
export function keepKey(kind, key, server) {
  const keys = { ...load(server), [kind]: key };
  try {
    localStorage.setItem(nameFor(server), JSON.stringify(keys));
  } catch {
    // without storage the cookie alone is left, and the server says that it does not suffice
  }
}

/** Whoever logs out leaves no key behind. @param {string} server */
export function forgetKeys(server) {
  globalThis.localStorage?.removeItem(nameFor(server));
}

/** The keys for a server; none for one of another origin. @param {string} server its address @returns {string[]} */
export function keysFor(server) {
  if (!globalThis.location || new URL(server, location.href).origin !== location.origin) return [];
  return Object.values(load(server)).filter((key) => typeof key === "string" && /^[\w-]+$/.test(key));
}

/** @param {string[]} keys @returns {Record<string, string>} */
export const keyHeaders = (keys) => (keys.length ? { [HEADER]: keys.join(", ") } : {});

/** @param {string[]} keys */
export const keySubprotocols = (keys) => keys.map((key) => SUBPROTOCOL_KEY + key);
