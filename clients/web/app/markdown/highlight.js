// Highlighting: colours code. The highlighter and each language are fetched when the first block of that language is shown.
// It gives a tree of scopes, which becomes elements one by one; its own HTML is never used.

/** Longer code stays plain: colouring it would hold up the page. */
const MOST = 30_000;

/** @type {Record<string, string>} */
const ALIASES = {
  sh: "bash", shell: "bash", zsh: "bash", console: "bash", "c++": "cpp", "h": "c", docker: "dockerfile", patch: "diff", golang: "go",
  toml: "ini", js: "javascript", jsx: "javascript", mjs: "javascript", ts: "typescript", tsx: "typescript", json5: "json", jsonc: "json",
  kt: "kotlin", make: "makefile", md: "markdown", py: "python", rb: "ruby", rs: "rust", html: "xml", svg: "xml", yml: "yaml",
};
const LANGUAGES = new Set(
  "bash c cpp css diff dockerfile go ini java javascript json kotlin lua makefile markdown php python r ruby rust sql swift typescript xml yaml".split(" "),
);

/** @type {Promise<any> | null} */
let core = null;
/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/** @typedef {{ scope: string, children: (Scope | string)[] }} Scope */

/** Takes the highlighter's tokens in the place of its HTML renderer: a tree of scopes. */
export class ScopeTree {
  constructor() {
    /** @type {Scope} */
    this.root = { scope: "", children: [] };
    this.open = [this.root];
  }

  get #top() {
    return this.open[this.open.length - 1];
  }

  /** @param {string} text */
  addText(text) {
    if (text) this.#top.children.push(text);
  }

  /** @param {string} scope */
  startScope(scope) {
    const made = { scope, children: [] };
    this.#top.children.push(made);
    this.open.push(made);
  }

  endScope() {
    if (this.open.length > 1) this.open.pop();
  }

  // The core calls these names too, in other places than the two above.
  /** @param {string} scope */
  openNode(scope) {
    this.startScope(scope);
  }

  closeNode() {
    this.endScope();
  }

  /** @param {ScopeTree} other @param {string} name */
  __addSublanguage(other, name) {
    this.#top.children.push({ scope: name ? `language:${name}` : "", children: other.root.children });
  }

  finalize() {
    this.open.length = 1;
  }

  toHTML() {
    return "";
  }
}

/** All text of a tree, in order. @param {Scope} scope @returns {string} */
export function textOf(scope) {
  return scope.children.map((child) => (typeof child === "string" ? child : textOf(child))).join("");
}

/** @param {Scope} scope @param {Node} into */
function build(scope, into) {
  for (const child of scope.children) {
    if (typeof child === "string") {
      into.appendChild(document.createTextNode(child));
    } else {
      const span = document.createElement("span");
      if (child.scope && !child.scope.startsWith("language:")) span.className = `hl-${child.scope.split(".")[0]}`;
      build(child, into.appendChild(span));
    }
  }
  return into;
}

/** @param {string} name */
async function language(name) {
  core ??= import("highlight").then(({ default: hljs }) => {
    hljs.configure({ __emitter: ScopeTree });
    return hljs;
  });
  const hljs = await core;
  if (!loaded.has(name)) {
    loaded.set(name, import(`highlight/${name}.min.js`).then((module) => hljs.registerLanguage(name, module.default)));
  }
  await loaded.get(name);
  return hljs;
}

/**
 * Colour a finished block, if its language is known.
 * @param {HTMLElement} code @param {string} name as the fence says it
 */
export async function highlight(code, name) {
  const known = ALIASES[name] ?? name;
  const text = code.textContent ?? "";
  if (!LANGUAGES.has(known) || !text || text.length > MOST) return;
  try {
    const hljs = await language(known);
    if (code.textContent !== text) return;
    const { root } = hljs.highlight(text, { language: known, ignoreIllegals: true })._emitter;
    // Where the highlighter fails it gives up in the middle: the words matter more than their colours.
    if (textOf(root) === text) code.replaceChildren(build(root, document.createDocumentFragment()));
  } catch (error) {
    console.warn("the code stays without colours:", error);
    loaded.delete(known);
  }
}
