// Open block: what of the last block of a text that grows is finished, though the block is not: items of a list, rows of a table,
// lines of a fence, words of a paragraph. They are not read again.

/** @typedef {import("./nodes.js").Node} Node */
/** @typedef {import("./nodes.js").Definition} Definition */
/** @typedef {import("markdown-it").Token} Token */
/** @typedef {{ type: string, start: number, end: number, tokens: Token[] }} Group a block: its lines and tokens */

/** Lines of a text, as the tokens count them. */
export class Lines {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.starts = [0];
    for (let at = text.indexOf("\n"); at >= 0 && at + 1 < text.length; at = text.indexOf("\n", at + 1)) this.starts.push(at + 1);
  }

  get count() {
    return this.starts.length;
  }

  /** @param {number} line */
  start(line) {
    return this.starts[line] ?? this.text.length;
  }

  /** @param {number} line */
  isBlank(line) {
    return this.text.slice(this.start(line), this.start(line + 1)).trim() === "";
  }
}

export class OpenBlock {
  /** Text that is read before the rest: the head of a table, the first line of a fence. */
  prefix = "";
  /** Where the rest begins, in the text from the block's start. */
  from = 0;
  loose = false;
  /** What the finished part asked for. @type {Set<string>} */
  labels = new Set();
  /** What the finished part defines. @type {Map<string, Definition>} */
  definitions = new Map();
  /** Items, rows, characters of code or nodes of a paragraph that are finished, and shown. */
  #shown = 0;
  /** Those that were finished since. @type {(Node | string)[]} */
  #fresh = [];
  #started = false;
  /** Whether what is kept is the text of a paragraph. */
  isText = false;
  /** @type {Record<string, string> | undefined} */
  #attrs;
  /** Of a quote: what is kept of the paragraph that the rest begins with. @type {OpenBlock | null} */
  inner = null;

  get keepsAny() {
    return this.#started;
  }

  /** The whole block, its finished part included. @param {Node} node of the rest @returns {Node} */
  whole(node) {
    if (!this.#started) return node;
    if (node.tag === "pre") {
      const rest = this.#fresh.join("") + `\n${node.raw}`.replace(/\n$/, "");
      return { ...node, skip: this.#shown, children: [rest] };
    }
    if (node.tag === "div") {
      const [head, body] = /** @type {Node[]} */ (/** @type {Node} */ (node.children[0]).children);
      const rows = this.#with(body ?? { tag: "tbody", children: [] });
      return { ...node, children: [{ tag: "table", children: [head, ...(rows.children.length || rows.skip ? [rows] : [])] }] };
    }
    return { ...this.#with(this.#joined(node)), attrs: this.#attrs };
  }

  /** A quote whose first block is whole. @param {Node} node @returns {Node} */
  #joined(node) {
    if (!this.inner) return node;
    const [first, ...others] = node.children;
    return { ...node, children: [this.inner.whole(/** @type {Node} */ (first)), ...others] };
  }

  /** @param {Node} node @returns {Node} */
  #with(node) {
    return { ...node, skip: this.#shown, children: [...this.#fresh, ...node.children] };
  }

  /** What was finished is shown now. */
  seen() {
    this.#shown += this.#fresh.reduce((sum, each) => sum + (typeof each === "string" && !this.isText ? each.length : 1), 0);
    this.#fresh = [];
    this.inner?.seen();
  }

  /** @param {Node} quote with those of its blocks that are finished @param {number} from where the next one begins */
  keepQuoted(quote, from) {
    this.keepItems(this.#joined(quote), from);
    this.inner = null;
  }

  /** @param {Node} quote with the finished lines of its last paragraph @param {number} from */
  keepQuotedText(quote, from) {
    const [paragraph] = /** @type {Node[]} */ (quote.children);
    this.keepItems({ ...quote, children: [] }, from);
    this.inner ??= new OpenBlock();
    this.inner.keepText(paragraph.children, 0);
  }

  /** @param {Node} list those items that are finished @param {number} from where the next one begins */
  keepItems(list, from) {
    if (!this.#started) this.#attrs = list.attrs;
    this.#fresh.push(...list.children);
    this.#started = true;
    this.from = from;
  }

  /** @param {Node} table with all its rows @param {string} head its first two lines @param {number} from */
  keepRows(table, head, from) {
    const body = /** @type {Node | undefined} */ (/** @type {Node} */ (table.children[0]).children[1]);
    this.#fresh.push(...(body?.children ?? []));
    this.#started = true;
    this.prefix = head;
    this.from = from;
  }

  /** @param {(Node | string)[]} nodes @param {number} from */
  keepText(nodes, from) {
    this.#fresh.push(...nodes);
    this.#started = this.isText = true;
    this.from = from;
  }

  /** @param {string} content with a `\n` after each line @param {string} head the fence's first line @param {number} from */
  keepLines(content, head, from) {
    if (!content) return;
    this.#fresh.push((this.#started ? "\n" : "") + content.slice(0, -1));
    this.#started = true;
    this.prefix = head;
    this.from = from;
  }
}

/** The blocks of a text at its top. @param {Token[]} tokens @returns {Group[]} */
export function grouped(tokens) {
  /** @type {Group[]} */
  const groups = [];
  let depth = 0;
  for (const token of tokens) {
    if (depth === 0) {
      const [start, end] = /** @type {[number, number]} */ (token.map);
      groups.push({ type: token.type, start, end, tokens: [] });
    }
    groups[groups.length - 1].tokens.push(token);
    depth += token.nesting;
  }
  return groups;
}

/**
 * The last block from which the text can be read anew, so that the blocks before it are finished.
 * @param {Group[]} groups @param {Lines} lines @param {number} unsure the line from which on more text may change what the blocks are
 */
export function lastCut(groups, lines, unsure) {
  for (let at = groups.length - 1; at > 0; at--) {
    const { start } = groups[at];
    // A title, which may go on, can still belong to the definition before it.
    const titled = groups[at - 1].type === "reference_definition" && groups[at - 1].end === start && /^\s*['"(]/.test(lines.text.slice(lines.start(start)));
    if (start <= unsure && !titled) return at;
  }
  return 0;
}

/** Whether a fence has its end. @param {Group} group @param {Lines} lines */
export function isClosed({ type, start, end, tokens: [{ markup }] }, lines) {
  const last = lines.text.slice(lines.start(end - 1), lines.start(end)).trim();
  return type === "fence" && end - 1 > start && last.startsWith(markup) && last === markup[0].repeat(last.length);
}

/** The tokens of a list's items. @param {Group} list @returns {{ at: number, start: number }[]} */
export function itemsOf(list) {
  return list.tokens.flatMap((token, at) => (token.type === "list_item_open" && token.level === 1 ? { at, start: token.map?.[0] ?? 0 } : []));
}

/** Whether a blank line makes a list loose: between two of its items, or two blocks of one. @param {Group} list @param {Lines} lines */
export function isLoose(list, lines) {
  let first = true;
  for (const { type, level, map, nesting } of list.tokens) {
    if (level === 1 && type === "list_item_open") {
      if (map && map[0] > list.start && lines.isBlank(map[0] - 1)) return true;
      first = true;
    } else if (level === 2 && nesting >= 0 && map) {
      if (!first && lines.isBlank(map[0] - 1)) return true;
      first = false;
    }
  }
  return false;
}
