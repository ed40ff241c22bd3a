// Finished text: how much of a paragraph that grows is finished, so that nothing that follows can change what it means. It ends
// between two words, where no mark is open.

import { inlineState } from "./tokenizer.js";

/** @typedef {import("markdown-it").Token} Token */

/** Between two words, or after the end of a sentence in a script without spaces. What begins with a letter begins no other block. */
const GAP = /(?<=[\p{L}\p{N}.,;:]) (?=\p{L})|(?<=[。！？；，])(?=\p{L})/gu;
/** Gaps that are tried, the last one first, and how far apart they are. */
const TRIES = 6;
const APART = 120;
/** A single `$`, and `<br>`, have their end within so many characters; an address without spaces is no longer than is usual. */
const FORMULA = 200;
const TAG = 12;
const ADDRESS = 2_000;

/**
 * The finished beginning of a paragraph's content; null: there is none.
 * @param {string} content @param {import("markdown-it").Environment} environment
 * @returns {{ tokens: Token[], space: string, end: number } | null} `end`: where the rest begins; `space`: what is before that
 */
export function finishedText(content, environment) {
  const gaps = [...content.matchAll(GAP)];
  let before = Infinity;
  for (let tries = 0; gaps.length && tries < TRIES; ) {
    const { index, 0: space } = /** @type {RegExpExecArray} */ (gaps.pop());
    if (index > before - APART) continue;
    before = index;
    tries += 1;
    const text = content.slice(0, index);
    const tokens = mayEnd(text) ? closedTokens(text, environment) : null;
    if (tokens) return { tokens, space, end: index + space.length };
  }
  return null;
}

/**
 * The finished lines of a paragraph's content, of which the next one is read anew; null: there are none.
 * @param {string} content @param {(line: number) => boolean} begins whether this line can begin a paragraph where it stands
 * @param {import("markdown-it").Environment} environment @returns {{ tokens: Token[], count: number } | null}
 */
export function finishedLines(content, begins, environment) {
  const lines = content.split("\n");
  for (let count = lines.length - 1, tries = 0; count > 0 && tries < TRIES; count--) {
    const text = lines.slice(0, count).join("\n");
    if (!begins(count) || !/[\p{L}\p{N}.,;:]$/u.test(text)) continue;
    tries += 1;
    const tokens = mayEnd(text) ? closedTokens(text, environment) : null;
    if (tokens) return { tokens, count };
  }
  return null;
}

/** Whether its last line can be no row of a table, and its last word no address or tag that goes on. @param {string} text */
function mayEnd(text) {
  if (text.slice(text.lastIndexOf("\n") + 1).includes("|") || text.slice(-TAG).includes("<")) return false;
  const word = /\S*$/.exec(text.slice(-ADDRESS))?.[0] ?? "";
  return /[\p{L}\p{N}.,;:]$/u.test(text) || !/:\/\/|www\.|@/.test(word);
}

/** The tokens of a text; null where a mark in it can still find its end. @param {string} text @param {import("markdown-it").Environment} environment */
function closedTokens(text, environment) {
  const { tokens, delimiters } = inlineState(text, environment);
  if (delimiters.some(({ open, end }) => open && end < 0)) return null;
  let brackets = 0;
  for (const { type, content } of tokens.flatMap((token) => [token, ...(token.children ?? [])])) {
    // An escaped bracket may begin a formula.
    if (type === "text_special" && (content === "(" || content === "[")) return null;
    if (type !== "text") continue; // what an image says has tokens of its own
    if (content.includes("`") || content.includes("$$")) return null;
    for (const [bracket] of content.matchAll(/[[\]]/g)) brackets = Math.max(0, brackets + (bracket === "[" ? 1 : -1));
  }
  if (brackets) return null;
  return text.slice(-FORMULA).includes("$") ? null : tokens;
}
