// Formulas: shows TeX as MathML. This and the library are loaded with the first one; of the library's tree only listed elements, attributes and styles
// are made. What it cannot read, or what is too large, stays as it was written.

import { tree } from "./temml.js";

/** @typedef {import("./temml.js").Branch} Branch */

const MATHML = "http://www.w3.org/1998/Math/MathML";
const TAGS = new Set(
  ("math mrow mi mo mn ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mpadded mphantom mstyle " +
    "menclose mmultiscripts mprescripts none").split(" "),
);
const ATTRIBUTES = new Set(
  ("display displaystyle scriptlevel mathvariant stretchy fence separator lspace rspace minsize maxsize symmetric largeop movablelimits " +
    "accent accentunder width height depth voffset linethickness rowspan columnspan columnalign rowalign columnspacing rowspacing columnlines " +
    "rowlines frame notation form").split(" "),
);
const STYLES = new Set(
  "color backgroundColor paddingLeft paddingRight paddingTop paddingBottom textAlign verticalAlign mathDepth border borderTop borderBottom".split(" "),
);
/** Deeper or larger formulas are no formulas of people, and slow to lay out. */
const MAX_DEPTH = 60;
const MAX_ELEMENTS = 3_000;
const OPTIONS = { throwOnError: true, trust: false, maxSize: [20, 500], maxExpand: 500 };
/** Of a frame, for formulas; the others wait for the next. */
const SHARE_MS = 8;

/** @type {(() => void)[]} */
const waiting = [];

/** Shows this formula where its source is, in one of the next frames. @param {HTMLElement} holder @param {string} source @param {boolean} block */
export function showFormula(holder, source, block) {
  soon(() => show(holder, source, block));
}

/** @param {() => void} work */
function soon(work) {
  waiting.push(work);
  if (waiting.length === 1) requestAnimationFrame(some);
}

function some() {
  const began = performance.now();
  while (waiting.length && performance.now() - began < SHARE_MS) waiting.shift()?.();
  if (waiting.length) requestAnimationFrame(some);
}

/** @param {HTMLElement} holder @param {string} source @param {boolean} block */
function show(holder, source, block) {
  delete holder.dataset.waiting;
  try {
    const branch = tree(source, { ...OPTIONS, displayMode: block });
    const made = document.createDocumentFragment();
    grow(branch, made, 0, { left: MAX_ELEMENTS });
    if (made.firstElementChild?.localName !== "math") return;
    made.firstElementChild.setAttribute("aria-label", source);
    holder.replaceChildren(made);
  } catch (error) {
    holder.title = `this formula could not be read: ${error instanceof Error ? error.message.split("\n")[0].slice(0, 200) : error}`;
  }
}

/** @param {Branch} branch @param {Node} into @param {number} depth @param {{ left: number }} room */
function grow(branch, into, depth, room) {
  room.left -= 1;
  if (depth > MAX_DEPTH || room.left < 0) throw new Error("it is too large");
  if (!branch.type && typeof branch.text === "string") {
    into.appendChild(document.createTextNode(branch.text));
    return;
  }
  let place = into;
  if (branch.type && TAGS.has(branch.type)) {
    const made = /** @type {MathMLElement} */ (document.createElementNS(MATHML, branch.type));
    for (const [name, value] of Object.entries(branch.attributes ?? {})) if (ATTRIBUTES.has(name)) made.setAttribute(name, String(value));
    for (const [name, value] of Object.entries(branch.style ?? {})) if (STYLES.has(name)) /** @type {any} */ (made.style)[name] = value;
    const classes = (branch.classes ?? []).filter((name) => /^tml-[a-z-]+$/.test(name));
    if (classes.length) made.setAttribute("class", classes.join(" "));
    place = into.appendChild(made);
  }
  for (const child of branch.children ?? []) grow(child, place, depth + 1, room);
}
