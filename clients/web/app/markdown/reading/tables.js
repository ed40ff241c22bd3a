// Tables: the block rule for GFM's tables. A row is completed by a bounded number of cells, so that a short text makes no millions of them.

/** @typedef {import("markdown-it").BlockState} BlockState */

/** A cell of more characters is not made as narrow as its longest word. */
const LONG_CELL = 30;
/** A cell of so few characters stands in one line: a number and its unit, a name and its number. */
const SHORT_CELL = 12;
/** Cells that are added to a row which has too few. */
const ADDED = 16;
const DELIMITERS = /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$/;

/** @type {import("markdown-it").BlockRule} */
export function table(state, startLine, endLine, silent) {
  const delimiters = startLine + 1;
  if (delimiters >= endLine || !isHere(state, startLine) || !isHere(state, delimiters)) return false;
  const header = lineOf(state, startLine);
  if (!header.includes("|") || !DELIMITERS.test(lineOf(state, delimiters))) return false;
  const columns = cells(header);
  const aligns = cells(lineOf(state, delimiters)).map(alignment);
  if (columns.length !== aligns.length || startsBlock(state, startLine, endLine)) return false;
  if (silent) return true;
  const parent = state.parentType;
  state.parentType = "table";
  const opened = state.push("table_open", "table", 1);
  state.push("thead_open", "thead", 1);
  row(state, "th", columns, aligns, startLine);
  state.push("thead_close", "thead", -1);
  let next = delimiters + 1;
  for (; next < endLine && isHere(state, next) && !state.isEmpty(next) && !startsBlock(state, next, endLine); next++) {
    if (next === delimiters + 1) state.push("tbody_open", "tbody", 1);
    row(state, "td", cells(lineOf(state, next)), aligns, next);
  }
  if (next > delimiters + 1) state.push("tbody_close", "tbody", -1);
  state.push("table_close", "table", -1);
  opened.map = [startLine, next];
  state.parentType = parent;
  state.line = next;
  return true;
}

/** Whether a line belongs to the container and is no indented code. @param {BlockState} state @param {number} line */
function isHere(state, line) {
  const indent = state.sCount[line] - state.blkIndent;
  return indent >= 0 && indent < 4;
}

/** @param {BlockState} state @param {number} line @param {number} endLine */
function startsBlock(state, line, endLine) {
  return state.md.block.ruler.getRules("blockquote").some((rule) => rule(state, line, endLine, true));
}

/** @param {BlockState} state @param {number} line */
function lineOf(state, line) {
  return state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]).trim();
}

/** The cells of a line. `\|` is no border, also in code. @param {string} line */
function cells(line) {
  const found = line.split(/(?<!\\)\|/).map((cell) => cell.replaceAll("\\|", "|").trim());
  if (found[0] === "") found.shift();
  if (found.at(-1) === "") found.pop();
  return found;
}

/** @param {string} delimiter */
function alignment(delimiter) {
  if (delimiter.endsWith(":")) return delimiter.startsWith(":") ? "center" : "right";
  return delimiter.startsWith(":") ? "left" : "";
}

/** What a cell's column is made as wide as. @param {string} content */
export const kindOf = (content) => (content.length > LONG_CELL ? "long" : content.length <= SHORT_CELL && content.includes(" ") ? "short" : undefined);

/** @param {BlockState} state @param {"th" | "td"} tag @param {string[]} columns @param {string[]} aligns @param {number} line */
function row(state, tag, columns, aligns, line) {
  state.push("tr_open", "tr", 1).map = [line, line + 1];
  const count = Math.min(aligns.length, columns.length + ADDED);
  for (let at = 0; at < count; at++) {
    const cell = state.push(`${tag}_open`, tag, 1);
    const content = columns[at] ?? "";
    const kind = kindOf(content);
    cell.attrs = [...(aligns[at] ? [/** @type {[string, string]} */ (["align", aligns[at]])] : []), ...(kind ? [/** @type {[string, string]} */ (["class", kind])] : [])];
    state.push("inline", "", 0).content = content;
    state.push(`${tag}_close`, tag, -1);
  }
  state.push("tr_close", "tr", -1);
}
