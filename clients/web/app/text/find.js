// Find: where words are in texts, in upper or lower case. Pure.

/** The most places that are counted. */
const MOST = 10_000;

/** A text in which places are those of the text itself, whatever its case. @param {string} text */
export function folded(text) {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}

/** The places at which the words begin. @param {string} text folded @param {string} words folded @param {number} [most] @returns {number[]} */
export function placesOf(text, words, most = MOST) {
  const places = [];
  for (let at = text.indexOf(words); at >= 0 && places.length < most; at = text.indexOf(words, at + words.length)) places.push(at);
  return places;
}

/** Remembers the folded texts of rows, so that what does not change is not read again. */
export class Finder {
  /** @type {WeakMap<object, string>} */
  #texts = new WeakMap();
  #textOf;

  /** @param {(row: any) => string} textOf a row */
  constructor(textOf) {
    this.#textOf = textOf;
  }

  /**
   * All places of the words, from the oldest row: which row, and the how-manyth place in it.
   * @param {{ key: string }[]} rows @param {string} words @returns {{ key: string, nth: number }[]}
   */
  find(rows, words) {
    const sought = folded(words);
    /** @type {{ key: string, nth: number }[]} */
    const found = [];
    if (!sought.trim()) return found;
    for (const row of rows) {
      let text = this.#texts.get(row);
      if (text === undefined) this.#texts.set(row, (text = folded(this.#textOf(row))));
      placesOf(text, sought, MOST - found.length).forEach((_, nth) => found.push({ key: row.key, nth }));
      if (found.length >= MOST) break;
    }
    return found;
  }
}
