// Markdown writer: turns Markdown into DOM, for texts that stream and for those of the history. It makes elements one by one,
// never from HTML; links go to http, https and mailto alone, and images come from listed sources alone.

import * as smd from "streaming-markdown";
import { highlight } from "./highlight.js";
import { MarkdownParser } from "./parser.js";
import { Parts } from "./parts.js";

const LINKS = new Set(["http:", "https:", "mailto:"]);
/** Characters that are parsed in one go; the rest waits for the next frame, so that none takes long. */
const SLICE = 3_000;

const { Token, Attr } = smd;

/** @type {Partial<Record<number, string>>} */
const TAGS = {
  [Token.Blockquote]: "blockquote",
  [Token.Paragraph]: "p",
  [Token.Line_Break]: "br",
  [Token.Rule]: "hr",
  // The page has headings of its own: those of a message are below them.
  [Token.Heading_1]: "h3",
  [Token.Heading_2]: "h4",
  [Token.Heading_3]: "h5",
  [Token.Heading_4]: "h6",
  [Token.Heading_5]: "h6",
  [Token.Heading_6]: "h6",
  [Token.Italic_Ast]: "em",
  [Token.Italic_Und]: "em",
  [Token.Strong_Ast]: "strong",
  [Token.Strong_Und]: "strong",
  [Token.Strike]: "s",
  [Token.Code_Inline]: "code",
  [Token.Raw_URL]: "a",
  [Token.Link]: "a",
  [Token.Image]: "span",
  [Token.List_Unordered]: "ul",
  [Token.List_Ordered]: "ol",
  [Token.List_Item]: "li",
  [Token.Equation_Block]: "code",
  [Token.Equation_Inline]: "code",
};

/** Each of these runs in the direction of its own words. */
const WRITTEN = new Set(["p", "h3", "h4", "h5", "h6", "li", "td", "th"]);

/**
 * The address, if it may be a link.
 * @param {string} text
 */
export function safeLink(text) {
  const parsed = URL.parse(text.trim());
  return parsed && LINKS.has(parsed.protocol) ? parsed.href : null;
}

/**
 * The address, if images may be loaded from there.
 * @param {string} text @param {string[]} sources origins
 */
export function safeImage(text, sources) {
  const parsed = URL.parse(text.trim());
  return parsed && LINKS.has(parsed.protocol) && sources.includes(parsed.origin) ? parsed.href : null;
}

/** @param {string} tag @param {string} [name] */
function element(tag, name = "") {
  const made = document.createElement(tag);
  if (WRITTEN.has(tag)) made.dir = "auto";
  if (name) made.className = name;
  return made;
}

/** @param {HTMLElement} link @param {string} href */
function outward(link, href) {
  link.setAttribute("href", href);
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer nofollow");
}

/** Builds the elements that the parser asks for. */
class Renderer {
  /** @param {Parts} parts @param {string[]} imageSources */
  constructor(parts, imageSources) {
    this.parts = parts;
    /** @type {HTMLElement[]} */
    this.nodes = [];
    this.kinds = [/** @type {number} */ (Token.Document)];
    this.imageSources = imageSources;
    this.image = "";
    this.language = "";
  }

  get top() {
    return this.nodes.at(-1) ?? this.parts.last;
  }

  /** @param {number} type */
  open(type) {
    if (type === Token.Document) return;
    this.kinds.push(type);
    this.nodes.push(this.#placed(type));
  }

  /** @param {number} type */
  #placed(type) {
    const parent = this.top;
    if (type === Token.Code_Block || type === Token.Code_Fence) return this.#codeBlock(parent);
    if (type === Token.Table) {
      const around = parent.appendChild(element("div", "scroll"));
      around.tabIndex = 0;
      return around.appendChild(element("table"));
    }
    if (type === Token.Table_Row) {
      const first = !parent.querySelector("thead");
      const part = first ? parent.appendChild(element("thead")) : (parent.querySelector("tbody") ?? parent.appendChild(element("tbody")));
      return part.appendChild(element("tr"));
    }
    if (type === Token.Table_Cell) return parent.appendChild(element(parent.parentElement?.tagName === "THEAD" ? "th" : "td"));
    if (type === Token.Checkbox) {
      const box = /** @type {HTMLInputElement} */ (element("input"));
      box.type = "checkbox";
      box.disabled = true;
      box.setAttribute("aria-label", "to do");
      return parent.appendChild(box);
    }
    return parent.appendChild(element(TAGS[type] ?? "span"));
  }

  /** @param {HTMLElement} parent */
  #codeBlock(parent) {
    const block = parent.appendChild(element("div", "code"));
    const head = block.appendChild(element("div", "code-head"));
    head.appendChild(element("span", "code-lang"));
    const copy = head.appendChild(element("button", "quiet"));
    copy.setAttribute("type", "button");
    copy.dataset.copy = "code";
    copy.textContent = "Copy";
    const pre = block.appendChild(element("pre"));
    pre.tabIndex = 0;
    this.language = "";
    return pre.appendChild(element("code"));
  }

  close() {
    const node = this.top;
    const kind = this.kinds.pop();
    this.nodes.pop();
    if (kind === Token.Code_Fence || kind === Token.Code_Block) highlight(node, this.language);
    if (kind === Token.Image) this.#showImage(node);
  }

  /** @param {HTMLElement} holder its text is what stands for the image */
  #showImage(holder) {
    const alternative = holder.textContent || "image";
    const allowed = safeImage(this.image, this.imageSources);
    const link = safeLink(this.image);
    holder.textContent = "";
    if (allowed) {
      const image = /** @type {HTMLImageElement} */ (holder.appendChild(element("img")));
      image.referrerPolicy = "no-referrer";
      image.alt = alternative;
      image.src = allowed;
    } else if (link) {
      const shown = holder.appendChild(element("a"));
      outward(shown, link);
      shown.textContent = `image: ${alternative}`;
    } else {
      holder.textContent = alternative;
    }
    this.image = "";
  }

  /** @param {string} text */
  text(text) {
    const last = this.top.lastChild;
    // One text node that grows: a paragraph of thousands of pieces would be slow to lay out.
    if (last instanceof Text) last.appendData(text);
    else this.top.appendChild(document.createTextNode(text));
  }

  /** @param {number} name @param {string} value */
  attribute(name, value) {
    const node = this.top;
    if (name === Attr.Href) {
      const href = safeLink(value);
      if (href) outward(node, href);
      else node.title = "this link was not made: only http, https and mailto are";
    } else if (name === Attr.Src) {
      this.image = value;
    } else if (name === Attr.Lang) {
      this.language = value.trim().split(/\s/)[0].toLowerCase().slice(0, 30);
      const label = node.closest(".code")?.querySelector(".code-lang");
      if (label) label.textContent = this.language;
    } else if (name === Attr.Checked) {
      /** @type {HTMLInputElement} */ (node).checked = true;
      node.setAttribute("aria-label", "done");
    } else if (name === Attr.Start && /^\d{1,9}$/.test(value)) {
      node.setAttribute("start", value);
    }
  }
}

/** Markdown that grows inside one element. */
export class MarkdownWriter {
  #parts;
  #sources;
  #written = "";
  #wanted = "";
  #done = false;
  #ended = false;
  #frame = 0;
  /** @type {MarkdownParser} */
  #parser;

  /** @param {HTMLElement} root @param {string[]} imageSources */
  constructor(root, imageSources) {
    this.#parts = new Parts(root);
    this.#sources = imageSources;
    this.#parser = this.#begin();
  }

  #begin() {
    this.#parts.clear();
    this.#written = "";
    this.#ended = false;
    return new MarkdownParser(smd, {
      data: new Renderer(this.#parts, this.#sources),
      add_token: (data, type) => data.open(type),
      end_token: (data) => data.close(),
      add_text: (data, text) => data.text(text),
      set_attr: (data, name, value) => data.attribute(name, value),
    });
  }

  /**
   * Show this text; `done`: nothing will be added. What was shown before stays as it is where it is the beginning of it.
   * @param {string} text @param {boolean} done
   */
  show(text, done) {
    if (!text.startsWith(this.#written) || (this.#ended && text.length > this.#written.length)) this.#parser = this.#begin();
    this.#wanted = text;
    this.#done = done;
    if (!this.#frame) this.#step();
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#parts.stop();
  }

  #step() {
    this.#frame = 0;
    const piece = this.#wanted.slice(this.#written.length, this.#written.length + SLICE);
    this.#written += piece;
    if (piece) this.#parser.write(piece);
    if (this.#written.length < this.#wanted.length) {
      this.#frame = requestAnimationFrame(() => this.#step());
    } else if (this.#done && !this.#ended) {
      this.#ended = true;
      this.#parser.end();
    }
  }
}
