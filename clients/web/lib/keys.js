// Keys: the origin keys that the server gave with its cookies. They stay in the storage of this origin, which other ports of the machine do not get.

/** The key of a login, and that of a link into one session. @typedef {"login" | "guest"} KeyKind */

const STORED = "holdfast.keys";
const HEADER = "holdfast-key";
/** As which a websocket carries a key: it has no headers of the page's choice. The server never chooses it. */
const SUBPROTOCOL_KEY = "holdfast.key.";

/** @returns {Partial<Record<KeyKind, string>>} */
function load() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {}; // there is no storage, or what is in it is not ours
  }
}

/**
 * Keep the key that came with a cookie, in place of an earlier one. All tabs of the origin have it, and no other origin.
 * @param {KeyKind} kind @param {string | undefined} key none: the cookie needs none
 */
export function keepKey(kind, key) {
  const keys = { ...load(), [kind]: key };
  try {
    localStorage.setItem(STORED, JSON.stringify(keys));
  } catch {
    // without storage the cookie alone is left, and the server says that it does not suffice
  }
}

/** Whoever logs out leaves no key behind. */
export function forgetKeys() {
  globalThis.localStorage?.removeItem(STORED);
}

/** The keys for a server; none for one of another origin. @param {string} server @returns {string[]} */
export function keysFor(server) {
  if (!globalThis.location || new URL(server, location.href).origin !== location.origin) return [];
  return Object.values(load()).filter((key) => typeof key === "string" && /^[\w-]+$/.test(key));
}

/** @param {string[]} keys @returns {Record<string, string>} */
export const keyHeaders = (keys) => (keys.length ? { [HEADER]: keys.join(", ") } : {});

/** @param {string[]} keys */
export const keySubprotocols = (keys) => keys.map((key) => SUBPROTOCOL_KEY + key);
