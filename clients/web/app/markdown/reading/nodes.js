// Nodes: a tree of plain data for each block of Markdown, made from its tokens. Elements are made from nodes alone.

import { emails } from "./autolinks.js";
import { finishedLines, finishedText } from "./finished-text.js";
import { inlineTokens } from "./tokenizer.js";

/** @typedef {import("markdown-it").Token} Token */
/**
 * An element. `skip`: so many children (of code: characters) before those given are as they were the last time.
 * `complete`: code that can be coloured. `raw`: code with all its line ends.
 * @typedef {{ tag: string, attrs?: Record<string, string>, children: (Node | string)[], skip?: number, complete?: boolean, raw?: string }} Node
 */
/** @typedef {{ href: string, title: string }} Definition */

/** The page has headings of its own: those of a message are below them. */
/** @type {Record<string, string>} */
const HEADINGS = { h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6", h6: "h6" };
export const ALERT = /^\[!(note|tip|important|warning|caution)\][ \t]*(?:\n|$)/i;
const TASK = /^\[([ xX])\][ \t\n]+(?=\S)/;
/** Tables and their parts, and what else is an element as it is. */
const PLAIN = new Set("p blockquote ul ol li hr table thead tbody tr th td em strong s a br".split(" "));

/** Makes the nodes of blocks, and notes which definitions each one asked for. */
export class NodeMaker {
  /** Labels that were asked for since this was emptied. @type {Set<string>} */
  labels = new Set();
  /** @type {Map<string, { nodes: (Node | string)[], labels: string[] }>} */
  #known = new Map();
  /** @type {Map<string, { nodes: (Node | string)[], labels: string[] }>} */
  #next = new Map();
  /** @type {(label: string) => Definition | undefined} */
  #definition = () => undefined;
  /** @type {import("markdown-it").Environment} */
  #environment = {
    references: /** @type {any} */ (
      new Proxy({}, { get: (_, label) => (this.labels.add(String(label)), this.#definition(String(label))) })
    ),
  };

  /**
   * Another set of definitions. What was made of a content is made again.
   * @param {(label: string) => Definition | undefined} definition
   */
  define(definition) {
    this.#definition = definition;
    this.#known = new Map();
    this.#next = new Map();
  }

  /** A content that stays is not read again the next time, one that is gone is forgotten after it. */
  turn() {
    this.#known = this.#next;
    this.#next = new Map();
  }

  /**
   * The nodes of these tokens.
   * @param {Token[]} tokens @param {boolean} loose whether a list is loose that seems tight here
   * @param {boolean} continued whether the first block goes on with one that began before @returns {Node[]}
   */
  blocks(tokens, loose = false, continued = false) {
    /** @type {Node} */
    const root = { tag: "", children: [] };
    const open = [root];
    for (const token of tokens) {
      const top = open[open.length - 1];
      if (token.nesting > 0) {
        const hidden = token.type === "paragraph_open" && token.hidden && !(loose && token.level === 2);
        const node = hidden ? top : opened(token);
        if (!hidden) top.children.push(node);
        open.push(node.tag === "div" && node.children.length ? /** @type {Node} */ (node.children[0]) : node);
      } else if (token.nesting < 0) {
        const node = /** @type {Node} */ (open.pop());
        if (node.tag === "blockquote" && !(continued && node === root.children[0])) alert(node);
        else if (node.tag === "li") task(node);
      } else if (token.type === "inline") {
        append(top.children, this.inline(token.content));
      } else {
        const leaf = leafNode(token);
        if (leaf) top.children.push(leaf);
      }
    }
    return /** @type {Node[]} */ (root.children);
  }

  /** @param {string} content @returns {(Node | string)[]} */
  inline(content) {
    let made = this.#next.get(content) ?? this.#known.get(content);
    if (!made) {
      const before = this.labels;
      this.labels = new Set();
      const nodes = inlineNodes(inlineTokens(content, this.#environment));
      made = { nodes, labels: [...this.labels] };
      this.labels = before;
    }
    this.#next.set(content, made);
    for (const label of made.labels) this.labels.add(label);
    return made.nodes;
  }

  /** What of a paragraph's content is finished, and where the rest begins; null: nothing. @param {string} content */
  finished(content) {
    const found = finishedText(content, this.#environment);
    if (!found) return null;
    const nodes = inlineNodes(found.tokens);
    append(nodes, [found.space]);
    return { nodes, end: found.end };
  }

  /**
   * A quote with the finished lines of its one paragraph, and how many these are; null: there are none.
   * @param {string} content @param {(line: number) => boolean} begins @param {boolean} continued
   * @returns {{ quote: Node, count: number } | null}
   */
  quoted(content, begins, continued) {
    const found = finishedLines(content, begins, this.#environment);
    if (!found) return null;
    const nodes = inlineNodes(found.tokens);
    append(nodes, ["\n"]);
    const quote = { tag: "blockquote", children: [{ tag: "p", children: nodes }] };
    if (!continued) alert(quote);
    return { quote, count: found.count };
  }
}

/** @param {(Node | string)[]} children @param {(Node | string)[]} more */
function append(children, more) {
  for (const node of more) {
    if (typeof node === "string" && typeof children.at(-1) === "string") children[children.length - 1] += node;
    else children.push(node);
  }
}

/** @param {Token} token @returns {Node} */
function opened(token) {
  const attrs = Object.fromEntries((token.attrs ?? []).map(([name, value]) => [name, String(value)]));
  if (token.type === "table_open") return { tag: "div", attrs: { class: "scroll" }, children: [{ tag: "table", children: [] }] };
  if (token.type === "footnote_open") return { tag: "section", attrs: { class: "footnote", name: token.info }, children: [] };
  if (token.tag in HEADINGS) return { tag: HEADINGS[token.tag], children: [] };
  if (!PLAIN.has(token.tag)) return { tag: "span", children: [] };
  return Object.keys(attrs).length ? { tag: token.tag, attrs, children: [] } : { tag: token.tag, children: [] };
}

/** @param {Token} token @returns {Node | null} */
function leafNode(token) {
  const { type, content } = token;
  if (type === "fence" || type === "code_block") {
    const language = type === "fence" ? unescaped(token.info.trim().split(/\s/)[0]) : "";
    return { tag: "pre", attrs: { language }, children: [content.replace(/\n$/, "")], raw: content };
  }
  if (type === "math_block") return { tag: "math", attrs: { display: "block" }, children: [content] };
  if (type === "hr") return { tag: "hr", children: [] };
  if (type === "plain") return { tag: "p", children: [content] };
  return null;
}

/** The text of a fence's first word. @param {string} info */
function unescaped(info) {
  return /[\\&]/.test(info) ? textOf(inlineNodes(inlineTokens(info, {}))) : info;
}

/** @param {Token[]} tokens @returns {(Node | string)[]} */
function inlineNodes(tokens) {
  /** @type {Node} */
  const root = { tag: "", children: [] };
  const open = [root];
  for (const token of tokens) {
    const { children } = open[open.length - 1];
    if (token.nesting > 0) {
      const node = opened(token);
      children.push(node);
      open.push(node);
    } else if (token.nesting < 0) {
      open.pop();
    } else if (token.type === "text" || token.type === "text_special") {
      if (token.content) append(children, [token.content]);
    } else {
      append(children, [inlineLeaf(token)]);
    }
  }
  return withEmails(root.children);
}

/** @param {Token} token @returns {Node | string} */
function inlineLeaf(token) {
  const { type, content } = token;
  if (type === "softbreak") return "\n";
  if (type === "hardbreak") return { tag: "br", children: [] };
  if (type === "code_inline") return { tag: "code", children: [content] };
  if (type === "math_inline") return { tag: "math", attrs: { display: token.markup || "inline" }, children: [content] };
  if (type === "footnote_mark") return { tag: "sup", attrs: { name: token.info }, children: [token.info] };
  if (type === "image") {
    const { src = "", title = "" } = Object.fromEntries(token.attrs ?? []);
    return { tag: "img", attrs: { src: String(src), title: String(title) }, children: [textOf(inlineNodes(token.children ?? []))] };
  }
  return content;
}

/** @param {(Node | string)[]} nodes @returns {string} */
export function textOf(nodes) {
  return nodes.map((node) => (typeof node === "string" ? node : node.tag === "br" ? "\n" : textOf(node.children))).join("");
}

/** With a link for each e-mail address that is in no link. @param {(Node | string)[]} nodes @returns {(Node | string)[]} */
function withEmails(nodes) {
  return nodes.flatMap((node) => {
    if (typeof node === "string") return node.includes("@") ? emails(node).map(({ text, email }) => (email ? mailLink(text) : text)) : [node];
    if (["em", "strong", "s"].includes(node.tag)) node.children = withEmails(node.children);
    return [node];
  });
}

/** @param {string} text @returns {Node} */
function mailLink(text) {
  return { tag: "a", attrs: { href: `mailto:${text}` }, children: [text] };
}

/** A quote that begins with `[!NOTE]` and the like. @param {Node} quote */
function alert(quote) {
  const [first] = quote.children;
  if (typeof first !== "object" || first.tag !== "p" || typeof first.children[0] !== "string") return;
  const found = ALERT.exec(first.children[0]);
  if (!found || (found[0].length === first.children[0].length && !found[0].endsWith("\n") && first.children.length > 1)) return;
  const rest = [first.children[0].slice(found[0].length), ...first.children.slice(1)].filter((node) => node !== "");
  quote.attrs = { class: "alert", kind: found[1].toLowerCase() };
  quote.children.splice(0, 1, ...(rest.length ? [{ ...first, children: rest }] : []));
}

/** An item that begins with `[ ]` or `[x]`. @param {Node} item */
function task(item) {
  const [first] = item.children;
  const holder = typeof first === "object" && first.tag === "p" ? first : item;
  const [text] = holder.children;
  const found = typeof text === "string" ? TASK.exec(text) : null;
  if (!found || typeof text !== "string") return;
  /** @type {Node} */
  const box = { tag: "input", attrs: found[1] === " " ? {} : { checked: "" }, children: [] };
  item.attrs = { ...item.attrs, class: "task" };
  holder.children = [box, text.slice(found[0].length), ...holder.children.slice(1)];
}
