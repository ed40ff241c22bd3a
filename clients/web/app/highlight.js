// The page: colours for code. The highlighter and each language are fetched when the first block of that language is there.
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

/** Takes the highlighter's tokens in the place of its HTML renderer. */
class Elements {
  constructor() {
    this.root = document.createDocumentFragment();
    /** @type {Node[]} */
    this.open = [this.root];
  }

  /** @param {string} text */
  addText(text) {
    if (text) this.open[this.open.length - 1].appendChild(document.createTextNode(text));
  }

  /** @param {string} scope */
  startScope(scope) {
    const span = document.createElement("span");
    span.className = scope.startsWith("language:") ? "" : `hl-${scope.split(".")[0]}`;
    this.open.push(this.open[this.open.length - 1].appendChild(span));
  }

  endScope() {
    this.open.pop();
  }

  /** @param {Elements} other @param {string} name */
  __addSublanguage(other, name) {
    this.startScope(`language:${name}`);
    this.open[this.open.length - 1].appendChild(other.root);
    this.endScope();
  }

  finalize() {}

  toHTML() {
    return "";
  }
}

/** @param {string} name */
async function language(name) {
  core ??= import("highlight").then(({ default: hljs }) => {
    hljs.configure({ __emitter: Elements });
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
    code.replaceChildren(hljs.highlight(text, { language: known, ignoreIllegals: true })._emitter.root);
  } catch (error) {
    console.warn("the code stays without colours:", error);
    loaded.delete(known);
  }
}
