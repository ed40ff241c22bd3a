// The page: how a tool's arguments and output are best shown: a diff, a terminal, a table, or as they are. Pure.

/** @import { Json } from "../../../docs/protocol.d.ts" */
/** @typedef {{ kind: "same" | "old" | "new", text: string }} DiffLine */

/** Pairs of arguments that mean: this text becomes that one. */
const PAIRS = [["old_string", "new_string"], ["old_str", "new_str"], ["old_text", "new_text"], ["old", "new"], ["search", "replace"], ["before", "after"]];
/** Longer texts are compared as two blocks: line by line would take too long. */
const DIFF_LINES = 600;
export const TABLE_ROWS = 200;
// Colours, cursor movements and titles that programs write for terminals (ECMA-48); what they colour is kept.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

/**
 * The change that a call asks for, if it is one.
 * @param {{ [key: string]: Json }} given
 * @returns {DiffLine[] | null}
 */
export function changeOf(given) {
  for (const [before, after] of PAIRS) {
    const [one, other] = [given[before], given[after]];
    if (typeof one === "string" && typeof other === "string") return diff(one, other);
  }
  const patch = given.patch ?? given.diff;
  return typeof patch === "string" ? patchLines(patch) : null;
}

/** @param {string} text */
export function isPatch(text) {
  return /^(?:diff --git |--- [^\n]+\n\+\+\+ |@@ -\d)/m.test(text.slice(0, 2000));
}

/** @param {string} patch @returns {DiffLine[]} */
export function patchLines(patch) {
  return patch.split("\n").map((text) => {
    const kind = text.startsWith("+") && !text.startsWith("+++") ? "new" : text.startsWith("-") && !text.startsWith("---") ? "old" : "same";
    return { kind, text };
  });
}

/**
 * Two texts, line by line, by their longest common subsequence.
 * @param {string} before @param {string} after
 * @returns {DiffLine[]}
 */
export function diff(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const lines = (/** @type {DiffLine["kind"]} */ kind, /** @type {string[]} */ texts) => texts.map((text) => ({ kind, text }));
  if (a.length > DIFF_LINES || b.length > DIFF_LINES) return [...lines("old", a), ...lines("new", b)];
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  }
  /** @type {DiffLine[]} */
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) found.push({ kind: "same", text: a[i] }), (i += 1), (j += 1);
    else if (common[i + 1][j] >= common[i][j + 1]) found.push({ kind: "old", text: a[i++] });
    else found.push({ kind: "new", text: b[j++] });
  }
  return [...found, ...lines("old", a.slice(i)), ...lines("new", b.slice(j))];
}

/** What a terminal would show, without its colours: a line that was written over shows what came last. @param {string} text */
export function terminalText(text) {
  return text.replace(ESCAPES, "").replace(/\r\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "");
}

/**
 * Rows and columns, if the output is a JSON list of objects, or an object that holds one (`rows`, `data`, `items`, `results`).
 * @param {string} output
 * @returns {{ columns: string[], rows: string[][], more: number } | null}
 */
export function tableOf(output) {
  if (!/^\s*[[{]/.test(output) || output.length > 400_000) return null;
  let value;
  try {
    value = JSON.parse(output);
  } catch {
    return null;
  }
  const list = Array.isArray(value) ? value : (value.rows ?? value.data ?? value.items ?? value.results);
  if (!Array.isArray(list) || list.length < 1) return null;
  if (!list.every((row) => row !== null && typeof row === "object" && !Array.isArray(row))) return null;
  const shown = list.slice(0, TABLE_ROWS);
  const columns = [...new Set(shown.flatMap((row) => Object.keys(row)))].slice(0, 20);
  return { columns, rows: shown.map((row) => columns.map((name) => cell(row[name]))), more: list.length - shown.length };
}

/** @param {unknown} value */
function cell(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A command for a shell, if the call runs one. @param {string} tool @param {{ [key: string]: Json }} given */
export function commandOf(tool, given) {
  const command = given.command ?? given.cmd ?? given.script;
  if (typeof command === "string" && /bash|shell|terminal|exec|run|command|sandbox/i.test(tool)) return command;
  return null;
}

/** What a call is about, in a few words. @param {string} tool @param {{ [key: string]: Json }} given */
export function gist(tool, given) {
  const said = commandOf(tool, given) ?? given.path ?? given.file ?? given.file_path ?? given.query ?? given.url ?? given.name;
  const text = typeof said === "string" ? said : Object.keys(given).length ? JSON.stringify(given) : "";
  const line = text.split("\n", 1)[0];
  return line.length > 90 ? `${line.slice(0, 90)}…` : line;
}

/** The files a call wrote, by its arguments. @param {string} tool @param {{ [key: string]: Json }} given */
export function writtenFile(tool, given) {
  const path = given.path ?? given.file_path ?? given.file;
  return /write|edit|create|save|append/i.test(tool) && typeof path === "string" && path ? path : null;
}
