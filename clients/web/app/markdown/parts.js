// Parts: divides a long text into parts, so that a frame's work depends on what is visible and not on the whole text.

/** Blocks in a part. */
const BLOCKS = 16;
/** So many parts at the end are always laid out: most texts are whole. */
const WHOLE = 12;

/**
 * The parts of one text, inside one element. One that is settled is left out of layout and paint while it is far from what
 * is seen; that is, once its height is known, so that nothing moves by it.
 */
export class Parts {
  #root;
  #width = 0;
  #frame = 0;
  /** Parts that were looked at, and whether each that may be is settled. */
  #seen = 0;
  #ready = true;
  #observer = new ResizeObserver(() => this.#changed());

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#observer.observe(root);
  }

  /** Where the next block goes. */
  get last() {
    const last = /** @type {HTMLElement | null} */ (this.#root.lastElementChild);
    if (last && last.childElementCount < BLOCKS) return last;
    const part = this.#root.appendChild(document.createElement("div"));
    part.className = "part";
    return part;
  }

  /** @param {HTMLElement} block that is no longer there */
  remove(block) {
    const part = block.parentElement;
    block.remove();
    if (part && !part.childElementCount) part.remove();
  }

  /** A text that grows changes its height with each line: only another part, or another width, is a reason to look. */
  #changed() {
    if (this.#ready && this.#root.childElementCount === this.#seen && this.#root.clientWidth === this.#width) return;
    this.#frame ||= requestAnimationFrame(this.#settle);
  }

  #settle = () => {
    this.#frame = 0;
    this.#seen = this.#root.childElementCount;
    const parts = /** @type {HTMLElement[]} */ ([...this.#root.children].slice(0, -WHOLE));
    const width = this.#root.clientWidth;
    // In another width they have other heights.
    if (width !== this.#width) for (const part of parts) part.classList.remove("settled");
    this.#width = width;
    const open = parts.filter((part) => !part.classList.contains("settled"));
    const ready = open.filter(isComplete);
    this.#ready = ready.length === open.length;
    const heights = ready.map((part) => part.getBoundingClientRect().height);
    ready.forEach((part, number) => {
      part.style.containIntrinsicBlockSize = `auto ${heights[number]}px`;
      part.classList.add("settled");
    });
  };

  clear() {
    this.#root.replaceChildren();
  }

  stop() {
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
  }
}

/** Whether no image or formula is on its way that would change the height. @param {HTMLElement} part */
function isComplete(part) {
  return !part.querySelector(".formula[data-waiting]") && [...part.querySelectorAll("img")].every((image) => image.complete);
}
