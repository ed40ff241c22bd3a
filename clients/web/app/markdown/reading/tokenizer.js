// Tokenizer: CommonMark and GFM by markdown-it, with the page's own rules for tables, links, math and footnotes. It makes tokens
// and no HTML; raw HTML is text.

import { parseLinkDestination, parseLinkLabel, parseLinkTitle, ParserBlock, ParserInline } from "markdown-it";
import { linkWords } from "./autolinks.js";
import { entities } from "./entities.js";
import { footnote, footnoteMark } from "./footnotes.js";
import { mathBlock, mathInline } from "./math.js";
import { strike, strikePairs } from "./strikes.js";
import { table } from "./tables.js";

/** @typedef {import("markdown-it").Token} Token */
/** @typedef {import("markdown-it").Environment} Environment */

/** Levels of blocks, and of marks within one; what is deeper is plain text. A list has two for each of its levels. */
const LEVELS = 40;

/** What the parsers ask their owner for. Addresses stay as they are written: whoever makes the link decides about them. */
const tokenizer = /** @type {import("markdown-it").MarkdownIt} */ (
  /** @type {unknown} */ ({
    options: { html: false, linkify: false, maxNesting: LEVELS + 3 },
    block: new ParserBlock(),
    inline: new ParserInline(),
    helpers: { parseLinkLabel, parseLinkDestination, parseLinkTitle },
    normalizeLink: asItIs,
    normalizeLinkText: asItIs,
    validateLink: () => true,
  })
);

const interrupting = { alt: ["paragraph", "reference", "blockquote", "list"] };
const { ruler: blockRules } = tokenizer.block;
blockRules.at("table", table, { alt: ["paragraph", "reference"] });
blockRules.before("table", "math", mathBlock, interrupting);
blockRules.before("math", "deep", deep);
blockRules.before("reference", "footnote", footnote, interrupting);
blockRules.disable("html_block");

const { ruler: inlineRules, ruler2: pairs } = tokenizer.inline;
inlineRules.at("text", words);
inlineRules.at("linkify", linkWords);
inlineRules.before("escape", "math", mathInline);
inlineRules.at("strikethrough", strike);
inlineRules.before("link", "footnote", footnoteMark);
inlineRules.at("html_inline", lineBreak);
pairs.at("strikethrough", strikePairs);

/** @param {string} text */
function asItIs(text) {
  return text;
}

/** Text up to what a rule may begin with; `www.` is the one beginning that is a word. */
const WORDS = /(?:[^\n!#$%&*+\-:<=>@[\\\]^_`{}~w]|w(?!ww\.))+/y;

/** @type {import("markdown-it").InlineRule} */
function words(state, silent) {
  WORDS.lastIndex = state.pos;
  const found = WORDS.exec(state.src);
  if (!found) return false;
  const text = found[0].slice(0, state.posMax - state.pos);
  if (!silent) state.pending += text;
  state.pos += text.length;
  return text.length > 0;
}

/** The one tag that is none of its text: models break lines of a cell with it. @type {import("markdown-it").InlineRule} */
function lineBreak(state, silent) {
  const found = state.src[state.pos] === "<" && /^<br[ \t]*\/?>/i.exec(state.src.slice(state.pos, Math.min(state.pos + 12, state.posMax)));
  if (!found) return false;
  if (!silent) state.push("hardbreak", "br", 0);
  state.pos += found[0].length;
  return true;
}

/** What is nested too deep becomes plain text, so that no word of it is lost. @type {import("markdown-it").BlockRule} */
function deep(state, startLine, endLine) {
  if (state.level < LEVELS) return false;
  let next = startLine + 1;
  while (next < endLine && (state.isEmpty(next) || state.sCount[next] >= state.blkIndent)) next += 1;
  const token = state.push("plain", "", 0);
  token.content = state.getLines(startLine, next, state.blkIndent, false).trimEnd();
  token.map = [startLine, next];
  state.line = next;
  return true;
}

/**
 * The blocks of a text; their inline content is left as it is.
 * @param {string} text @param {Environment} environment takes the definitions @returns {Token[]}
 */
export function blockTokens(text, environment) {
  /** @type {Token[]} */
  const tokens = [];
  tokenizer.block.parse(text, tokenizer, environment, tokens);
  return tokens;
}

/** The inline tokens of one block's content. @param {string} content @param {Environment} environment @returns {Token[]} */
export function inlineTokens(content, environment) {
  return inlineState(content, environment).tokens;
}

/** The same with the marks that were paired, or not. @param {string} content @param {Environment} environment */
export function inlineState(content, environment) {
  const { inline } = tokenizer;
  const state = new inline.State(content, tokenizer, environment, []);
  inline.tokenize(state);
  for (const pair of inline.ruler2.getRules("")) pair(state);
  return state;
}

/** @type {Promise<void> | null} */
let loading = null;
let missed = false;
entities.missed = () => (missed = true);

/**
 * Waits for the rare named characters, where a text since the last call had a name that is not known.
 * @returns {Promise<void> | null} null: nothing was missed, or all names are here
 */
export function rareEntities() {
  if (!missed) return null;
  missed = false;
  if (loading === ALL_HERE) return null;
  loading ??= import("character-entities").then(({ characterEntities }) => {
    for (const [name, text] of Object.entries(characterEntities)) entities.names.set(name, text);
    loading = ALL_HERE;
  });
  return loading;
}

const ALL_HERE = Promise.resolve();
