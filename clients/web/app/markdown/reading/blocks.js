// Blocks: reads a text that grows. Blocks that nothing can change any more are settled; only the last one is read again, and of a
// list, a table, a fence or a long paragraph only what comes after its finished part.

import { ALERT, NodeMaker } from "./nodes.js";
import { grouped, isClosed, isLoose, itemsOf, lastCut, Lines, OpenBlock } from "./open-block.js";
import { blockTokens } from "./tokenizer.js";

/** @typedef {import("./nodes.js").Node} Node */
/** @typedef {import("./nodes.js").Definition} Definition */
/** @typedef {import("./open-block.js").Group} Group */
/**
 * `nodes` stand for all that was not settled before, and the first `settled` of them are now; `changed`: settled ones that changed.
 * @typedef {{ nodes: Node[], settled: number, changed: Map<number, Node> }} Update
 */
/** @typedef {{ groups: Group[], lines: Lines, references: Record<string, Definition>, unsure: number }} Parsed */

/** Characters of a paragraph from which on its finished words are kept. */
const LONG_TEXT = 2_000;

/** One text that grows. */
export class BlockReader {
  #longText;
  /** So long must a paragraph be before it is looked at again: no end of its open marks was found. */
  #lookAt = 0;
  /** From the start of the open block. */
  #text = "";
  /** Up to where it was read as whole lines. */
  #read = 0;
  #open = new OpenBlock();
  #maker = new NodeMaker();
  #settled = 0;
  /** Settled blocks that asked for definitions. @type {Map<number, { text: string, labels: Set<string> }>} */
  #asked = new Map();
  /** @type {Map<string, Definition>} */
  #definitions = new Map();
  /** Those of the open block. @type {Map<string, Definition>} */
  #openDefinitions = new Map();
  /** @type {Update} */
  #update = { nodes: [], settled: 0, changed: new Map() };

  /** @param {number} [longText] */
  constructor(longText = LONG_TEXT) {
    this.#longText = longText;
  }

  /** Characters that the next piece makes it read again. */
  get again() {
    return this.#text.length - this.#open.from;
  }

  /**
   * Takes what comes next.
   * @param {string} piece with `\n` as the only line end @param {boolean} ended whether it is the last @returns {Update}
   */
  take(piece, ended) {
    this.#update = { nodes: [], settled: 0, changed: new Map() };
    this.#text += ended && !`${this.#text}${piece}`.endsWith("\n") ? `${piece}\n` : piece;
    const whole = this.#text.lastIndexOf("\n") + 1;
    if (whole > this.#read || ended) while (this.#settle(whole - this.#dropped, ended));
    this.#dropped = 0;
    if (!ended) {
      let parsed = this.#parse(this.#text.length);
      const other = this.#isOther(parsed);
      if (other) this.#open = new OpenBlock();
      if (other || this.#keepText(parsed)) parsed = this.#parse(this.#text.length);
      const { groups, lines } = parsed;
      this.#update.nodes.push(...groups.flatMap((group) => this.#node(group, group === groups[0], lines, false)));
    }
    this.#open.seen();
    this.#maker.turn();
    return this.#update;
  }

  /** Characters that were settled within this piece. */
  #dropped = 0;

  /**
   * Settles what the whole lines allow, and keeps the finished part of the open block.
   * @param {number} whole where they end @param {boolean} ended @returns {boolean} whether there is more to do
   */
  #settle(whole, ended) {
    const parsed = this.#parse(whole);
    const { groups, lines } = parsed;
    const cut = ended ? groups.length : lastCut(groups, lines, parsed.unsure);
    const renewed = this.#define(parsed, cut);
    if (this.#open.keepsAny && (this.#loosened(parsed) || this.#isOther(parsed) || meet(this.#open.labels, renewed))) {
      this.#open = new OpenBlock();
      return true;
    }
    for (const group of groups.slice(0, cut)) this.#finish(group, group === groups[0], lines);
    this.#read = whole;
    if (groups.length && cut === 0) {
      if (groups.length === 1) this.#keepWithin(groups[0], parsed, whole);
      return false;
    }
    // What is left begins a block, or is blank.
    const rest = cut < groups.length ? this.#offset(lines, groups[cut].start) : whole;
    this.#text = this.#text.slice(rest);
    this.#dropped += rest;
    this.#read = whole - rest;
    this.#open = new OpenBlock();
    return cut < groups.length;
  }

  /** @param {number} end @returns {Parsed} */
  #parse(end) {
    const source = this.#open.prefix + this.#text.slice(this.#open.from, end);
    /** @type {import("markdown-it").Environment} */
    const environment = { references: Object.create(null) };
    const groups = grouped(blockTokens(source, environment));
    return { groups, lines: new Lines(source), references: environment.references ?? {}, unsure: Number(environment.unsure ?? Infinity) };
  }

  /** Where a line of what was parsed is in the text. @param {Lines} lines @param {number} line */
  #offset(lines, line) {
    return Math.max(0, lines.start(line) - this.#open.prefix.length) + this.#open.from;
  }

  /** @param {Group} group @param {boolean} first @param {Lines} lines @param {boolean} settled @returns {Node[]} */
  #node(group, first, lines, settled) {
    const nodes = this.#maker.blocks(group.tokens, first && this.#open.loose, first && this.#open.keepsAny);
    if (first && nodes.length) nodes[0] = this.#open.whole(nodes[0]);
    return settled || isClosed(group, lines) ? nodes.map(complete) : nodes;
  }

  /** @param {Group} group @param {boolean} first @param {Lines} lines */
  #finish(group, first, lines) {
    this.#maker.labels = new Set(first ? this.#open.labels : []);
    const nodes = this.#node(group, first, lines, true);
    if (!nodes.length) return;
    if (this.#maker.labels.size) {
      const text = this.#text.slice(first ? 0 : this.#offset(lines, group.start), this.#offset(lines, group.end));
      this.#asked.set(this.#settled, { text, labels: this.#maker.labels });
    }
    this.#settled += 1;
    this.#update.settled += 1;
    this.#update.nodes.push(...nodes);
  }

  /** Takes the definitions; the labels of those that are new or others than before. @param {Parsed} parsed @param {number} cut */
  #define({ groups, references }, cut) {
    const before = new Map([...this.#openDefinitions, ...this.#definitions]);
    const open = new Map(this.#open.definitions);
    if (cut > 0) for (const [label, definition] of open) if (!this.#definitions.has(label)) this.#definitions.set(label, definition);
    groups.forEach((group, at) => {
      const into = at < cut ? this.#definitions : open;
      for (const label of labelsOf(group)) if (!into.has(label)) into.set(label, references[label]);
    });
    this.#openDefinitions = open;
    const now = new Map([...open, ...this.#definitions]);
    const renewed = new Set([...before.keys(), ...now.keys()].filter((label) => !same(before.get(label), now.get(label))));
    if (renewed.size) {
      this.#maker.define((label) => this.#definitions.get(label) ?? this.#openDefinitions.get(label));
      for (const [index, { text, labels }] of this.#asked) if (meet(labels, renewed)) this.#remake(index, text);
    }
    return renewed;
  }

  /** @param {number} index of a settled block @param {string} text */
  #remake(index, text) {
    this.#maker.labels = new Set();
    const [node] = this.#maker.blocks(blockTokens(text, {})).map(complete);
    this.#asked.set(index, { text, labels: this.#maker.labels });
    const first = this.#settled - this.#update.settled;
    if (index < first) this.#update.changed.set(index, node);
    else this.#update.nodes[index - first] = node;
  }

  /** Whether the finished part seemed tight. @param {Parsed} parsed */
  #loosened({ groups: [first], lines }) {
    return !this.#open.loose && first?.type.endsWith("_list_open") && isLoose(first, lines);
  }

  /** Whether what seemed a paragraph is none: a heading, by the line below it, or a table. @param {Parsed} parsed */
  #isOther({ groups: [first] }) {
    if (this.#open.inner) return first?.type !== "blockquote_open" || first.tokens[1].type !== "paragraph_open";
    return this.#open.isText && first?.type !== "paragraph_open";
  }

  /** Keeps the finished words of a long paragraph; whether there are some. @param {Parsed} parsed */
  #keepText({ groups: [first, ...others], lines, unsure }) {
    if (others.length || first?.type !== "paragraph_open" || unsure < Infinity) return false;
    const { content } = first.tokens[1];
    // One that begins so may become a definition.
    if (content.length < Math.max(this.#longText, this.#lookAt) || (!this.#open.isText && content.startsWith("["))) return false;
    const at = lines.text.indexOf(content, lines.start(first.start));
    const before = this.#maker.labels;
    this.#maker.labels = this.#open.labels;
    const found = at < 0 ? null : this.#maker.finished(content);
    this.#maker.labels = before;
    this.#lookAt = found ? 0 : content.length + content.length / 4;
    if (found) this.#open.keepText(found.nodes, this.#open.from + at + found.end);
    return found !== null;
  }

  /** @param {Group} group the only block @param {Parsed} parsed @param {number} whole */
  #keepWithin(group, { lines, unsure, references }, whole) {
    const [first] = group.tokens;
    const open = this.#open;
    const atEnd = group.end === lines.count;
    const from = lines.start(group.start);
    const before = this.#maker.labels;
    this.#maker.labels = open.labels;
    if (group.type.endsWith("_list_open")) {
      const last = itemsOf(group).findLast(({ start }) => start <= unsure);
      if (last && last.start > group.start) {
        const finished = { ...group, tokens: group.tokens.slice(0, last.at) };
        open.loose ||= isLoose(group, lines);
        open.keepItems(complete(this.#maker.blocks(finished.tokens, open.loose)[0]), this.#offset(lines, last.start));
        for (const label of labelsOf(finished)) if (!open.definitions.has(label)) open.definitions.set(label, references[label]);
      }
    } else if (group.type === "blockquote_open") {
      this.#keepQuoted(group, lines, unsure, references);
    } else if (group.type === "table_open" && atEnd && unsure === Infinity) {
      open.keepRows(complete(this.#maker.blocks(group.tokens)[0]), lines.text.slice(from, lines.start(group.start + 2)), whole);
    } else if (group.type === "fence" && atEnd && !isClosed(group, lines)) {
      open.keepLines(first.content, lines.text.slice(from, lines.start(group.start + 1)), whole);
    }
    this.#maker.labels = before;
  }

  /** @param {Group} group a quote, the only block @param {Lines} lines @param {number} unsure @param {Record<string, Definition>} references */
  #keepQuoted(group, lines, unsure, references) {
    const open = this.#open;
    const inner = grouped(group.tokens.slice(1, -1));
    // A title, which may go on, can still belong to the definition before a block.
    const at = inner.findLastIndex(({ start }, number) => start <= unsure && inner[number - 1]?.type !== "reference_definition");
    if (at > 0) {
      const tokens = [group.tokens[0], ...inner.slice(0, at).flatMap((one) => one.tokens), group.tokens[group.tokens.length - 1]];
      const [quote] = this.#maker.blocks(tokens, false, open.keepsAny);
      open.keepQuoted(complete(quote), this.#offset(lines, inner[at].start));
      for (const label of labelsOf({ ...group, tokens })) if (!open.definitions.has(label)) open.definitions.set(label, references[label]);
    } else if (inner.length === 1 && inner[0].type === "paragraph_open" && unsure === Infinity) {
      const [{ start, tokens }] = inner;
      const { content } = tokens[1];
      if (content.length < Math.max(this.#longText, this.#lookAt) || (content.startsWith("[") && !open.inner && !ALERT.test(content))) return;
      const begins = (/** @type {number} */ line) => /^ {0,3}> ?\p{L}/u.test(lines.text.slice(lines.start(start + line), lines.start(start + line) + 8));
      const found = this.#maker.quoted(content, begins, open.keepsAny);
      this.#lookAt = found ? 0 : content.length + content.length / 4;
      if (found) open.keepQuotedText(found.quote, this.#offset(lines, start + found.count));
    }
  }
}

/** What a block defines, in order. @param {Group} group @returns {string[]} */
function labelsOf({ tokens }) {
  return tokens.flatMap(({ type, meta }) => (type === "reference_definition" || type === "footnote_open" ? String(meta?.label) : []));
}

/** @param {Set<string>} one @param {Set<string>} other */
function meet(one, other) {
  return [...other].some((label) => one.has(label));
}

/** @param {Definition | undefined} one @param {Definition | undefined} other */
function same(one, other) {
  return one?.href === other?.href && one?.title === other?.title;
}

/** Marks its code as complete: it can be coloured. @param {Node} node @returns {Node} */
function complete(node) {
  if (node.tag === "pre") node.complete = true;
  else for (const child of node.children) if (typeof child === "object") complete(child);
  return node;
}
