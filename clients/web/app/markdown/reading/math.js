// Math: the rules for `$$`, `\(`, `\[`, and for `$` where nothing else can be meant.

/** @typedef {import("markdown-it").BlockState} BlockState */

/** Lines and characters of one formula, at most. */
const MAX_LINES = 100;
const MAX_CHARS = 5_000;
const MAX_SINGLE = 200;
/** @type {Record<string, string>} */
const CLOSERS = { "$$": "$$", "\\[": "\\]", "\\(": "\\)" };

/**
 * A formula of its own: its mark is alone at the beginning of the first line, or goes before the formula, and the closing one ends
 * a later line before any blank one. Until that line is there, what this is stays unsure.
 * @type {import("markdown-it").BlockRule}
 */
export function mathBlock(state, startLine, endLine, silent) {
  if (state.sCount[startLine] - state.blkIndent >= 4) return false;
  const start = state.bMarks[startLine] + state.tShift[startLine];
  const opener = state.src.slice(start, start + 2);
  if (opener !== "$$" && opener !== "\\[") return false;
  const closer = CLOSERS[opener];
  if (state.src.slice(start + 2, state.eMarks[startLine]).includes(closer)) return false;
  const last = Math.min(endLine, startLine + MAX_LINES);
  for (let line = startLine + 1; line < last; line++) {
    if (state.isEmpty(line) || state.sCount[line] < Math.min(state.blkIndent, state.sCount[startLine])) return false;
    const text = state.src.slice(state.bMarks[line], state.eMarks[line]);
    const at = text.indexOf(closer);
    if (at < 0) continue;
    if (!/^[ \t.,;]*$/.test(text.slice(at + 2))) return false;
    if (silent) return true;
    const whole = state.getLines(startLine, line + 1, state.blkIndent, false).trim();
    const token = state.push("math_block", "", 0);
    token.content = whole.slice(2, whole.lastIndexOf(closer)).trim();
    token.map = [startLine, line + 1];
    state.line = line + 1;
    return true;
  }
  // More lines may come.
  if (last === endLine && last >= state.bMarks.length - 1) state.env.unsure = Math.min(Number(state.env.unsure ?? Infinity), startLine);
  return false;
}

/** @type {import("markdown-it").InlineRule} */
export function mathInline(state, silent) {
  const { src, pos } = state;
  if (src[pos] !== "$" && src[pos] !== "\\") return false;
  const opener = src.slice(pos, pos + 2);
  const found = opener in CLOSERS ? between(state, opener) : src[pos] === "$" ? single(src, pos, state.posMax) : null;
  if (!found) return false;
  if (!silent) {
    const token = state.push("math_inline", "", 0);
    token.content = found.text.trim();
    token.markup = opener === "\\(" ? "" : opener in CLOSERS ? "block" : "";
  }
  state.pos = found.end;
  return true;
}

/** @param {import("markdown-it").InlineState} state @param {string} opener */
function between(state, opener) {
  const closer = CLOSERS[opener];
  const from = state.pos + 2;
  const none = (state.noCloser ??= {});
  if (none[closer]) return null;
  const end = state.src.indexOf(closer, from);
  if (end < 0) none[closer] = true;
  if (end < 0 || end + 2 > state.posMax || end - from > MAX_CHARS) return null;
  const text = state.src.slice(from, end);
  // Escaped brackets around words are no formula.
  if (!/\w/.test(text) || /^\s+[A-Za-z]{2,}(?:\s+[A-Za-z]{2,})*\s+$/.test(text)) return null;
  // In a sentence `$$` is also the shell's own number.
  if (opener === "$$" && from > 2 && (/^\s/.test(text) || /\s$/.test(text))) return null;
  return { text, end: end + 2 };
}

/** @param {string} src @param {number} pos @param {number} max */
function single(src, pos, max) {
  if (pos > 0 && /[\w$)\]}]/.test(src[pos - 1])) return null;
  const rest = src.slice(pos + 1, Math.min(max, pos + 1 + MAX_SINGLE));
  const found = /^([^\s$`](?:[^$\n`]*[^\s$`\\])?)\$(?![\w$({[])/.exec(rest);
  if (!found) return null;
  const [whole, text] = found;
  // `$x$` and `$a_1 + b$` are formulas; words between two amounts or names are not.
  const formula = /^[A-Za-z\d'.,]{1,3}$/.test(text) || (/[\\^_=<>+*/|{}-]/.test(text) && !/^\d+[\s-]|[A-Za-z]{3,} [A-Za-z]{3,}/.test(text));
  return formula || /^\\[A-Za-z]/.test(text) ? { text, end: pos + 1 + whole.length } : null;
}
