// Visible text: makes invisible and reordering characters visible, so that a text cannot deceive its reader. Pure.

// Characters that have no looks and change the order or the place of others (Unicode Standard Annex 9; Trojan Source, 2021).
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** A text in which nothing is unseen: what is approved is what is read. @param {string} text */
export function visible(text) {
  return text.replace(UNSEEN, (one) => `⟨U+${one.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** A title on one line, without what has no looks. @param {string} text */
export function oneLine(text) {
  return text.replace(/\s+/g, " ").replace(UNSEEN, "").trim();
}
