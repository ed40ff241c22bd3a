// Markdown writer: shows a text as Markdown, one that streams and one of the history, in slices that a frame has time for.

import { ElementMaker } from "./elements.js";
import { Parts } from "./parts.js";
import { BlockReader, rareEntities } from "./reader.js";

/** @typedef {import("./reading/nodes.js").Node} Node */

/** Characters that are read in one go; the rest waits for the next frame, so that none takes long. */
const SLICE = 3_000;
/** Where so many characters would be read again, more is waited for: an equal share of them. */
const AGAIN = 8_000;
const SHARE = 16;

/** Markdown that grows inside one element. */
export class MarkdownWriter {
  #parts;
  #maker;
  #reader = new BlockReader();
  /** @type {HTMLElement[]} */
  #settled = [];
  /** @type {{ node: Node, shown: HTMLElement }[]} */
  #open = [];
  #written = "";
  #wanted = "";
  #done = false;
  #ended = false;
  #stopped = false;
  #frame = 0;

  /** @param {HTMLElement} root @param {string[]} imageSources @param {(path: string) => string | null} [fileLink] to a file of the workspace; null: there is none */
  constructor(root, imageSources, fileLink = () => null) {
    this.#parts = new Parts(root);
    this.#maker = new ElementMaker(imageSources, fileLink);
  }

  #begin() {
    this.#parts.clear();
    this.#reader = new BlockReader();
    this.#settled = [];
    this.#open = [];
    this.#written = "";
    this.#ended = false;
  }

  /**
   * Show this text; `done`: nothing will be added. What was shown before stays as it is where it is the beginning of it.
   * @param {string} text @param {boolean} done
   */
  show(text, done) {
    if (!text.startsWith(this.#written) || (this.#ended && text.length > this.#written.length)) this.#begin();
    this.#wanted = text;
    this.#done = done;
    if (!this.#frame) this.#step();
  }

  stop() {
    this.#stopped = true;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#parts.stop();
  }

  #step() {
    this.#frame = 0;
    const left = this.#wanted.length - this.#written.length;
    const { again } = this.#reader;
    if (!this.#done && again > AGAIN && left < again / SHARE) return;
    const size = Math.max(SLICE, again > AGAIN ? Math.floor(again / SHARE) : 0);
    const last = left <= size && this.#done;
    let piece = this.#wanted.slice(this.#written.length, this.#written.length + size);
    // The other half of a line's end may follow.
    if (piece.endsWith("\r") && !last) piece = piece.slice(0, -1);
    this.#written += piece;
    if (!this.#ended && (piece || last)) this.#write(piece.replace(/\r\n?/g, "\n").replaceAll("\0", "\uFFFD"), last);
    this.#ended = last;
    if (piece && this.#written.length < this.#wanted.length) this.#frame = requestAnimationFrame(() => this.#step());
  }

  /** @param {string} piece @param {boolean} ended */
  #write(piece, ended) {
    const { nodes, settled, changed } = this.#reader.take(piece, ended);
    for (const [index, node] of changed) {
      this.#settled[index] = /** @type {HTMLElement} */ (this.#maker.make(node, (made) => this.#settled[index].replaceWith(made)));
    }
    const now = nodes.map((node, at) => ({ node, shown: this.#shown(this.#open[at], node) }));
    for (const { shown } of this.#open.slice(nodes.length)) this.#parts.remove(shown);
    for (const { shown } of now.slice(0, settled)) this.#settled.push(shown);
    this.#open = now.slice(settled);
    rareEntities()?.then(() => this.#again());
  }

  /** @param {{ node: Node, shown: HTMLElement } | undefined} before @param {Node} node */
  #shown(before, node) {
    if (before) return /** @type {HTMLElement} */ (this.#maker.bring(before.shown, before.node, node));
    return /** @type {HTMLElement} */ (this.#maker.make(node, (made) => this.#parts.last.appendChild(made)));
  }

  /** Reads all of it anew. */
  #again() {
    if (this.#stopped) return;
    this.#begin();
    if (!this.#frame) this.#step();
  }
}
