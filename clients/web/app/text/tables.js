// Tables: finds rows and columns in an output: a JSON list of objects, JSON Lines, or a Markdown table; and in a file of CSV. Pure.

/** @typedef {{ columns: string[], rows: string[][], more: number, before: string, after: string }} Table `before` and `after`: what is said around it */

export const TABLE_ROWS = 200;
const TABLE_COLUMNS = 30;
/** Longer output is not taken apart. */
const MOST_CHARS = 400_000;
const LISTS = ["rows", "data", "items", "results"];

/**
 * The table in an output, or null.
 * @param {string} output
 * @returns {Table | null}
 */
export function tableOf(output) {
  if (output.length > MOST_CHARS) return null;
  return fromJson(output) ?? fromJsonLines(output) ?? fromMarkdown(output);
}

/** @param {string} text @returns {unknown} undefined if it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {string} output */
function fromJson(output) {
  if (!/^\s*[[{]/.test(output)) return null;
  const value = /** @type {any} */ (parsed(output));
  if (Array.isArray(value)) return ofObjects(value, "");
  if (value === null || typeof value !== "object") return null;
  const name = LISTS.find((one) => Array.isArray(value[one]));
  if (name === undefined) return null;
  const rest = Object.entries(value).filter(([one]) => one !== name);
  return ofObjects(value[name], rest.map(([one, said]) => `${one}: ${cell(said)}`).join("\n"));
}

/** @param {string} output */
function fromJsonLines(output) {
  const lines = output.trim().split("\n");
  if (lines.length < 2 || !lines.every((line) => line.startsWith("{"))) return null;
  const values = lines.map(parsed);
  return values.includes(undefined) ? null : ofObjects(values, "");
}

/** @param {any[]} list @param {string} before @returns {Table | null} */
function ofObjects(list, before) {
  if (!list.length || !list.every((row) => row !== null && typeof row === "object" && !Array.isArray(row))) return null;
  const shown = list.slice(0, TABLE_ROWS);
  const columns = [...new Set(shown.flatMap((row) => Object.keys(row)))].slice(0, TABLE_COLUMNS);
  const rows = shown.map((row) => columns.map((name) => cell(Object.hasOwn(row, name) ? row[name] : undefined)));
  return { columns, rows, more: list.length - shown.length, before, after: "" };
}

/** @param {unknown} value */
function cell(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

/** The first table of the text, as GitHub Flavored Markdown writes it (section 4.10). @param {string} output @returns {Table | null} */
function fromMarkdown(output) {
  const lines = output.split("\n");
  const rule = lines.findIndex((line, at) => at > 0 && line.includes("|") && RULE.test(line) && lines[at - 1].includes("|"));
  if (rule < 0) return null;
  const columns = cellsOf(lines[rule - 1]).slice(0, TABLE_COLUMNS);
  if (cellsOf(lines[rule]).length !== cellsOf(lines[rule - 1]).length) return null;
  let end = rule + 1;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const all = lines.slice(rule + 1, end);
  const rows = all.slice(0, TABLE_ROWS).map((line) => {
    const cells = cellsOf(line);
    return columns.map((_, at) => cells[at] ?? "");
  });
  if (!rows.length) return null;
  const around = (/** @type {string[]} */ some) => some.join("\n").trim();
  return { columns, rows, more: all.length - rows.length, before: around(lines.slice(0, rule - 1)), after: around(lines.slice(end)) };
}

/** @param {string} line */
function cellsOf(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((text) => text.trim().replaceAll("\\|", "|"));
}

const MARKS = [",", ";", "\t"];
/** A field, as RFC 4180 writes it, and what ends it. @param {string} mark between fields */
const fieldOf = (mark) => new RegExp(`("(?:[^"]|"")*"|(?!")[^${mark}\\r\\n]*)(${mark}|\\r?\\n|\\r|$)`, "y");

/**
 * The table in a file of CSV; its fields are divided by the comma, semicolon or tab that the first line has most of.
 * @param {string} text
 * @returns {Table | null} null: it has no rows, or a field that is not well quoted
 */
export function tableOfCsv(text) {
  const [first] = text.split(/[\r\n]/, 1);
  const [mark] = [...MARKS].sort((one, other) => first.split(other).length - first.split(one).length);
  const field = fieldOf(mark);
  const lines = [/** @type {string[]} */ ([])];
  const end = text.trimEnd().length;
  for (field.lastIndex = /^\ufeff/.test(text) ? 1 : 0; field.lastIndex < end; ) {
    const found = field.exec(text);
    if (!found) return null;
    const [, value, ended] = found;
    lines[lines.length - 1].push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (ended !== mark && field.lastIndex < end) lines.push([]);
  }
  const [names, ...all] = lines;
  if (!all.length) return null;
  const columns = names.slice(0, TABLE_COLUMNS);
  const rows = all.slice(0, TABLE_ROWS).map((line) => columns.map((_, at) => line[at] ?? ""));
  return { columns, rows, more: all.length - rows.length, before: "", after: names.length > columns.length ? `${names.length - columns.length} more columns` : "" };
}
