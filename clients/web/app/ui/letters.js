// Letters: which letter a key types on this keyboard, and whether a key is an input method's. Pure.

/** What of a key's event is looked at. @typedef {Pick<KeyboardEvent, "key" | "code" | "altKey" | "isComposing" | "keyCode">} Key */

/** Learns from the keys that are pressed what is printed on them. */
export class Letters {
  /** @type {Map<string, string>} */
  #printed = new Map();

  /** @param {Key} event */
  learn({ key, code, altKey }) {
    if (!altKey && /^[a-z]$/i.test(key)) this.#printed.set(code, key.toLowerCase());
  }

  /**
   * The Latin letter of a key; empty: it has none. With Option a Mac types something else, and other scripts have no Latin
   * letters: then it is the letter that the key typed before, or else has on an American keyboard.
   * @param {Key} event
   */
  of({ key, code }) {
    if (/^[a-z]$/i.test(key)) return key.toLowerCase();
    return this.#printed.get(code) ?? (/^Key[A-Z]$/.test(code) ? code.slice(-1).toLowerCase() : "");
  }
}

/** Those of this keyboard. */
export const letters = new Letters();
globalThis.addEventListener?.("keydown", (event) => letters.learn(/** @type {KeyboardEvent} */ (event)), true);

/**
 * Whether a key belongs to an input method, such as the Enter that takes what it suggests. Safari ends the composition
 * before that key, which then has the code 229 (WebKit bug 165004).
 * @param {Pick<KeyboardEvent, "isComposing" | "keyCode">} event
 */
export const composing = ({ isComposing, keyCode }) => isComposing || keyCode === 229;
