// Visible text: marks the characters that cannot be seen, so that a text cannot deceive its reader. Pure.

// What is marked and what is not, and why: protocol/visible.py, which has the same classes.
const UNSEEN =
  "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f" +
  "\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ud800-\\udfff\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\u{13430}-\\u{1343f}" +
  "\\u{1bca0}-\\u{1bca3}\\u{1d159}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}";
const SPACES = "\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000";
const PICTURE =
  "[\\u00a9\\u00ae\\u203c\\u2049\\u2122\\u2139\\u2194-\\u21aa\\u2300-\\u23ff\\u24c2\\u25a0-\\u27bf\\u2934\\u2935\\u2b05-\\u2b55\\u3030\\u303d" +
  "\\u3297\\u3299\\u{1f000}-\\u{1f3fa}\\u{1f400}-\\u{1faff}]";
const TONE = "[\\u{1f3fb}-\\u{1f3ff}]?";
const JOINED = "[\\u0620-\\u07ff\\u08a0-\\u08ff\\u0900-\\u0dff\\u1780-\\u17b3\\u17b6-\\u17d3]";
const FLAG = "\\u{1f3f4}\\u{e0067}\\u{e0062}(?:\\u{e0065}\\u{e006e}\\u{e0067}|\\u{e0073}\\u{e0063}\\u{e0074}|\\u{e0077}\\u{e006c}\\u{e0073})\\u{e007f}";
const KEPT = `${FLAG}|${PICTURE}${TONE}[\\ufe0e\\ufe0f]?(?:\\u200d${PICTURE}${TONE}\\ufe0f?)*|[0-9#*]\\ufe0f\\u20e3|(?<=${JOINED})[\\u200c\\u200d](?=${JOINED})`;
const MARKED = new RegExp(`(${KEPT})|[${UNSEEN}]|\\r(?!\\n)`, "gu");
const MARKED_EXACT = new RegExp(`(${KEPT})|[${UNSEEN}\\r${SPACES}]`, "gu");
const PLAIN = /^[\n\t -~]*$/;

/** @param {string} one */
const mark = (one) => `⟨U+${one.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}⟩`;

/** A text in which nothing is unseen. Line ends and tabs stay. @param {string} text */
export function visible(text) {
  return PLAIN.test(text) ? text : text.replace(MARKED, (one, kept) => (kept === undefined ? mark(one) : one));
}

/** As `visible`, and each blank that is no space of ASCII and each carriage return is marked too: for what will run. @param {string} text */
export function exact(text) {
  return PLAIN.test(text) ? text : text.replace(MARKED_EXACT, (one, kept) => (kept === undefined ? mark(one) : one));
}

/** As `exact`, and line feeds and tabs are marked too: for names, which stand on one line. @param {string} text */
export function exactLine(text) {
  return exact(text).replace(/[\n\t]/g, mark);
}

/** A title on one line, without what cannot be seen. @param {string} text */
export function oneLine(text) {
  return text.replace(/\s+/g, " ").replace(MARKED, (_, kept) => kept ?? "").trim();
}
