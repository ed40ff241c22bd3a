// Elements: makes DOM from the nodes of Markdown, one by one and never from HTML, and brings elements up to date with as little
// change as there is. Links go to http, https and mailto alone, and images come from listed sources alone.

import { imagePath, safeImage, safeLink } from "./addresses.js";
import { addCode, placeOf, removeAt } from "./chunks.js";
import { highlight } from "./highlight.js";

/** @typedef {import("./reading/nodes.js").Node} Node */

/** Each of these runs in the direction of its first words; paragraphs, items and cells in that of their own, by the stylesheet. */
const WRITTEN = new Set("h3 h4 h5 h6 ul ol blockquote section".split(" "));
/** Their content is not made of their node's children. */
const WHOLE = new Set(["math", "img", "input", "sup", "pre"]);
/** Code of more lines can be folded; the stylesheet shows about as many then. */
const FOLDED_LINES = 16;

/** @param {string} tag @param {string} [name] */
function element(tag, name = "") {
  const made = document.createElement(tag);
  if (WRITTEN.has(tag)) made.dir = "auto";
  if (name) made.className = name;
  return made;
}

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * Of a table, by the first letter in its head. The browser's `auto` would look for it anew with each text that is added, and
 * in a table of numbers through all of them.
 * @param {Node | string | undefined} node
 */
function directionOf(node) {
  if (node === undefined) return "ltr";
  while (typeof node !== "string" && node.tag !== "tr" && typeof node.children[0] === "object") node = node.children[0];
  const letter = /\p{L}/u.exec(textOf(node))?.[0] ?? "";
  return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}

/** @param {Node | string} node @returns {string} */
const textOf = (node) => (typeof node === "string" ? node : node.children.map(textOf).join(" "));

/** What a press does is found by the name in its dataset. @param {HTMLElement} into @param {string} name @param {string} text */
function quietButton(into, name, text) {
  const button = into.appendChild(element("button", "quiet"));
  button.setAttribute("type", "button");
  button.dataset[name] = "code";
  button.textContent = text;
}

/** Of a block of code. @param {HTMLElement} code @returns {HTMLElement} */
const foldButton = (code) => /** @type {HTMLElement} */ (code.closest(".code")?.querySelector("[data-fold]"));

/** Code to which nothing is added: in colours, and to be folded if it is long. @param {HTMLElement} code @param {string} language */
function completed(code, language) {
  foldButton(code).hidden = !isLong(code);
  highlight(code, language);
}

/** The head of long code stays in view; of all others the browser would look where they stand in each frame. @param {HTMLElement} code */
function isLong(code) {
  const block = /** @type {HTMLElement} */ (code.closest(".code"));
  if (!block.dataset.long && (code.textContent ?? "").split("\n").length > FOLDED_LINES) block.dataset.long = "true";
  return block.dataset.long !== undefined;
}

/** @param {HTMLElement} link @param {string} href */
function outward(link, href) {
  link.setAttribute("href", href);
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer nofollow");
}

/** Makes elements for one text. */
export class ElementMaker {
  /** @param {string[]} imageSources @param {(path: string) => string | null} fileLink to a file of the workspace */
  constructor(imageSources, fileLink) {
    this.imageSources = imageSources;
    this.fileLink = fileLink;
  }

  /**
   * What shows a node. It is put in its place while it is empty: a long table measures its columns while it is filled.
   * @param {Node | string} node @param {(made: HTMLElement | Text) => void} put @returns {HTMLElement | Text}
   */
  make(node, put) {
    const made = this.#begun(node);
    put(made);
    if (typeof node !== "string") this.#fill(/** @type {HTMLElement} */ (made), node);
    return made;
  }

  /** @param {Node | string} node @returns {HTMLElement | Text} */
  #begun(node) {
    if (typeof node === "string") return document.createTextNode(node);
    if (node.tag === "pre") return this.#code(node);
    return node.tag === "img" ? this.#image(node) : this.#opened(node);
  }

  /** Each child is in its place before it gets its own. @param {HTMLElement} made @param {Node} node */
  #fill(made, node) {
    if (!WHOLE.has(node.tag)) node.children.forEach((child, at) => this.#add(made, at, child));
  }

  /** @param {HTMLElement} parent @param {number} at @param {Node | string} child */
  #add(parent, at, child) {
    this.make(child, (made) => placeOf(parent, at)[0].appendChild(made));
  }

  /** @param {Node} node */
  #opened({ tag, attrs = {}, children }) {
    if (tag === "math") return formula(String(children[0]), attrs.display === "block");
    if (tag === "sup") return noteMark(attrs.name);
    const made = element(tag, attrs.class);
    if (tag === "a") {
      const href = safeLink(attrs.href);
      if (href) outward(made, href);
      made.title = href ? (attrs.title ?? "") : "this link was not made: only http, https and mailto are";
      if (!made.title) made.removeAttribute("title");
    } else if (tag === "input") {
      const box = /** @type {HTMLInputElement} */ (made);
      box.type = "checkbox";
      box.disabled = true;
      box.checked = "checked" in attrs;
      box.setAttribute("aria-label", box.checked ? "done" : "to do");
    } else if (tag === "div") {
      made.dir = directionOf(children[0]);
      made.tabIndex = 0;
    } else if (tag === "section") {
      made.dataset.note = attrs.name;
      made.tabIndex = -1;
    } else {
      if (attrs.start && /^\d{1,9}$/.test(attrs.start)) made.setAttribute("start", attrs.start);
      if (attrs.align) made.dataset.align = attrs.align;
      if (attrs.kind) made.dataset.kind = attrs.kind;
    }
    return made;
  }

  /** @param {Node} node */
  #code(node) {
    const block = element("div", "code");
    const head = block.appendChild(element("div", "code-head"));
    const language = (node.attrs?.language ?? "").toLowerCase().slice(0, 30);
    head.appendChild(element("span", "code-lang")).textContent = language;
    const buttons = head.appendChild(element("span"));
    if (language === "mermaid") quietButton(buttons, "diagram", "Diagram");
    quietButton(buttons, "fold", "Fold");
    quietButton(buttons, "wrap", "Wrap");
    quietButton(buttons, "copy", "Copy");
    const pre = block.appendChild(element("pre"));
    pre.tabIndex = 0;
    const code = pre.appendChild(element("code"));
    addCode(code, String(node.children[0]));
    if (node.complete) completed(code, language);
    else foldButton(code).hidden = true;
    return block;
  }

  /** @param {Node} node its text is what stands for the image */
  #image({ attrs = {}, children }) {
    const holder = element("span");
    const alternative = String(children[0] ?? "") || "image";
    const own = imagePath(attrs.src);
    const allowed = own === null ? safeImage(attrs.src, this.imageSources) : this.fileLink(own);
    const link = safeLink(attrs.src);
    if (allowed) {
      const image = /** @type {HTMLImageElement} */ (holder.appendChild(element("img")));
      image.referrerPolicy = "no-referrer";
      image.alt = alternative;
      image.onerror = () => (holder.textContent = alternative);
      image.src = allowed;
    } else if (link) {
      const shown = holder.appendChild(element("a"));
      outward(shown, link);
      shown.textContent = `image: ${alternative}`;
    } else {
      holder.textContent = alternative;
    }
    return holder;
  }

  /**
   * What shows `after` where `before` was shown: what is there, brought up to date, or something new in its place.
   * @param {HTMLElement | Text} shown @param {Node | string} before @param {Node | string} after @returns {HTMLElement | Text}
   */
  bring(shown, before, after) {
    if (before === after) return shown;
    if (typeof before === "string" && typeof after === "string") {
      bringText(/** @type {Text} */ (shown), before, after);
      return shown;
    }
    if (typeof before === "string" || typeof after === "string" || !alike(before, after)) {
      return this.make(after, (made) => shown.replaceWith(made));
    }
    if (after.tag === "pre") this.#bringCode(/** @type {HTMLElement} */ (shown), before, after);
    else if (!WHOLE.has(after.tag)) this.#bringChildren(/** @type {HTMLElement} */ (shown), before, after);
    return shown;
  }

  /** @param {HTMLElement} shown @param {Node} before @param {Node} after */
  #bringChildren(shown, before, after) {
    const skip = after.skip ?? 0;
    const gone = skip - (before.skip ?? 0);
    const had = before.children.length - gone;
    after.children.forEach((child, at) => {
      if (at >= had) return this.#add(shown, skip + at, child);
      if (before.children[gone + at] === child) return undefined;
      const [parent, place] = placeOf(shown, skip + at);
      return this.bring(/** @type {HTMLElement | Text} */ (parent.childNodes[place]), before.children[gone + at], child);
    });
    for (let at = had - 1; at >= after.children.length; at--) removeAt(shown, skip + at);
  }

  /** @param {HTMLElement} shown @param {Node} before @param {Node} after */
  #bringCode(shown, before, after) {
    const code = /** @type {HTMLElement} */ (shown.querySelector("code"));
    const skip = after.skip ?? 0;
    const from = String(before.children[0]).slice(skip - (before.skip ?? 0));
    const to = String(after.children[0]);
    const only = code.childNodes.length === 1 && code.firstChild instanceof Text ? code.firstChild : null;
    if (to.startsWith(from)) {
      if (to !== from) addCode(code, to.slice(from.length));
    } else if (only) {
      only.replaceData(skip, only.length - skip, to);
    } else {
      const text = code.textContent?.slice(0, skip) + to;
      code.replaceChildren();
      addCode(code, text);
    }
    if (skip) isLong(code);
    if (after.complete && (!before.complete || from !== to)) completed(code, (after.attrs?.language ?? "").toLowerCase());
  }
}

/** One text node that grows: a paragraph of thousands of pieces would be slow to lay out. @param {Text} text @param {string} before @param {string} after */
function bringText(text, before, after) {
  if (after.startsWith(before)) text.appendData(after.slice(before.length));
  else text.data = after;
}

/** Whether one element can show both. @param {Node} before @param {Node} after */
function alike(before, after) {
  if (before.tag !== after.tag || (after.skip ?? 0) < (before.skip ?? 0)) return false;
  const one = before.attrs ?? {};
  const other = after.attrs ?? {};
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length || names.some((name) => one[name] !== other[name])) return false;
  return after.tag === "pre" || !WHOLE.has(after.tag) || before.children[0] === after.children[0];
}

/** A formula; its source, until what shows it is loaded. @param {string} source @param {boolean} block */
function formula(source, block) {
  const holder = element(block ? "div" : "span", "formula");
  holder.dataset.waiting = "";
  holder.appendChild(element("code")).textContent = source;
  import("./formulas.js").then(
    ({ showFormula }) => showFormula(holder, source, block),
    (error) => {
      console.warn("formulas stay as they were written:", error);
      delete holder.dataset.waiting;
    },
  );
  return holder;
}

/** @param {string} name */
function noteMark(name) {
  const made = element("sup");
  const mark = made.appendChild(element("button", "note-mark"));
  mark.setAttribute("type", "button");
  mark.setAttribute("aria-label", `note ${name}`);
  mark.dataset.toNote = name;
  mark.textContent = name;
  return made;
}
