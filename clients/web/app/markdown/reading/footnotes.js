// Footnotes: the rules for a mark `[^name]` and for a note `[^name]: …`, which holds blocks as a list item does.

const NOTE = /^\[\^([^\s[\]^]{1,60})\]:/;
const MARK = /\[\^([^\s[\]^]{1,60})\]/y;

/** Under which a note is among the definitions. No reference has this name: `[^name]:` is always a note. @param {string} name */
export function noteLabel(name) {
  return `^${name.toLowerCase()}`;
}

/** @type {import("markdown-it").BlockRule} */
export function footnote(state, startLine, endLine, silent) {
  if (state.sCount[startLine] - state.blkIndent >= 4) return false;
  const start = state.bMarks[startLine] + state.tShift[startLine];
  const max = state.eMarks[startLine];
  const found = NOTE.exec(state.src.slice(start, Math.min(max, start + 70)));
  if (!found) return false;
  if (silent) return true;
  const label = noteLabel(found[1]);
  const opened = state.push("footnote_open", "", 1);
  opened.info = found[1];
  opened.meta = { label };
  const references = (state.env.references ??= {});
  references[label] ??= { href: "", title: "" };
  const { blkIndent, parentType } = state;
  const { [startLine]: mark } = state.bMarks;
  const { [startLine]: shift } = state.tShift;
  const { [startLine]: columns } = state.sCount;
  const content = start + found[0].length;
  const text = state.skipSpaces(content);
  state.bMarks[startLine] = content;
  state.tShift[startLine] = Math.min(text, max) - content;
  state.blkIndent += 4;
  state.sCount[startLine] = state.blkIndent;
  state.parentType = "footnote";
  state.md.block.tokenize(state, startLine, endLine);
  Object.assign(state, { blkIndent, parentType });
  state.bMarks[startLine] = mark;
  state.tShift[startLine] = shift;
  state.sCount[startLine] = columns;
  state.line = Math.max(state.line, startLine + 1);
  opened.map = [startLine, state.line];
  state.push("footnote_close", "", -1);
  return true;
}

/** @type {import("markdown-it").InlineRule} */
export function footnoteMark(state, silent) {
  if (state.src[state.pos] !== "[") return false;
  MARK.lastIndex = state.pos;
  const found = MARK.exec(state.src);
  if (!found || state.pos + found[0].length > state.posMax || !state.env.references?.[noteLabel(found[1])]) return false;
  if (!silent) state.push("footnote_mark", "", 0).info = found[1];
  state.pos += found[0].length;
  return true;
}
