// Virtual list: a long list of which only the visible rows are in the document. Changes above the reader's position move
// nothing, and only a reader at the end follows what is added.

import { Component, createRef, options } from "preact";
import { html, Icon } from "../ui/html.js";
import { Heights } from "./heights.js";

/** Rows beyond the edges that are kept ready, in pixels. */
const OVERSCAN_PX = 900;
/** Rows that are printed, the newest. */
const PRINTED_MAX = 2_000;
/** A row that is to be shown is drawn after so many frames, or not at all. */
const SHOW_FRAMES = 20;
/** So near to the end counts as at the end. */
const END_PX = 40;

/** What does not change is not looked at. @extends {Component<{ row: any, render: (row: any) => any, name: (row: any) => string, at: number, of: number, watch: (element: Element | null, key: string) => void }>} */
class RowFrame extends Component {
  element = createRef();

  /** @param {any} next */
  shouldComponentUpdate(next) {
    const { row, render, at, of } = this.props;
    return next.row !== row || next.at !== at || next.of !== of || next.render !== render;
  }

  componentDidMount() {
    this.props.watch(this.element.current, this.props.row.key);
  }

  componentWillUnmount() {
    this.props.watch(null, this.props.row.key);
  }

  render() {
    const { row, render, name, at, of } = this.props;
    return html`<div class="row" role="article" tabindex="-1" aria-label=${name(row)} ref=${this.element} data-key=${row.key} data-kind=${row.kind} aria-posinset=${at} aria-setsize=${of}>
      ${render(row)}
    </div>`;
  }
}

/**
 * @typedef {object} ListProps
 * @property {{ key: string, kind: string }[]} rows
 * @property {(row: any) => any} render
 * @property {(row: any) => number} estimate in pixels
 * @property {(row: any) => string} name of a row, for those who do not see it
 * @property {string} label
 * @property {boolean} busy
 * @property {{ current: VirtualList | null }} hold gets the list itself
 * @property {number} toEnd changes when the reader wants to be at the end
 */
/** @extends {Component<ListProps, { away: boolean }>} */
export class VirtualList extends Component {
  scroller = createRef();
  heights = new Heights();
  state = { away: false };
  /** Whether the reader stands at the end. */
  #pinned = true;
  #top = 0;
  #seen = 600;
  #range = "";
  #gutter = "";
  /** @type {Map<string, Element>} */
  #elements = new Map();
  #hadFocus = false;
  /** Whether the page is being printed: then all rows are in the document. */
  #printed = false;
  /** The last row when the reader left the end. */
  #lastSeen = "";
  #observer = new ResizeObserver((entries) => this.#resized(entries));

  /** @param {Element | null} element @param {string} key */
  #watch = (element, key) => {
    const before = this.#elements.get(key);
    if (before) this.#observer.unobserve(before);
    this.#elements.delete(key);
    if (!element) return;
    this.#elements.set(key, element);
    this.#observer.observe(element);
  };

  componentDidMount() {
    this.props.hold.current = this;
    this.#observer.observe(this.scroller.current);
    addEventListener("beforeprint", this.#print);
    addEventListener("afterprint", this.#print);
    this.#settle();
  }

  /** The browser prints what is there when this returns. @param {Event} event */
  #print = ({ type }) => {
    this.#printed = type === "beforeprint";
    const { debounceRendering } = options;
    options.debounceRendering = (draw) => draw();
    this.forceUpdate();
    options.debounceRendering = debounceRendering;
  };

  /** @param {ListProps} before */
  componentDidUpdate(before) {
    if (before.toEnd !== this.props.toEnd) this.toEnd();
    this.#settle();
    if (this.#hadFocus && document.activeElement === document.body) this.scroller.current.focus({ preventScroll: true });
  }

  componentWillUnmount() {
    this.props.hold.current = null;
    removeEventListener("beforeprint", this.#print);
    removeEventListener("afterprint", this.#print);
    this.#observer.disconnect();
  }

  /** Who stands at the end stays there. */
  #settle() {
    const list = this.scroller.current;
    if (this.#pinned) list.scrollTop = list.scrollHeight;
    this.#top = list.scrollTop;
  }

  /** @param {ResizeObserverEntry[]} entries */
  #resized(entries) {
    const list = this.scroller.current;
    if (!list) return;
    // What is below the list stands under its column, whose sides are as wide as a scrollbar.
    const gutter = `${(list.offsetWidth - list.clientWidth) / 2}px`;
    if (gutter !== this.#gutter) document.documentElement.style.setProperty("--gutter", (this.#gutter = gutter));
    let shift = 0;
    let changed = list.clientHeight !== this.#seen;
    this.#seen = list.clientHeight;
    for (const { target, borderBoxSize } of entries) {
      const key = /** @type {HTMLElement} */ (target).dataset.key;
      if (key === undefined) continue;
      const height = borderBoxSize[0].blockSize;
      const number = this.props.rows.findLastIndex((row) => row.key === key);
      if (number < 0 || this.heights.of(key) === height) continue;
      const { offsets } = this.heights;
      const before = offsets[number + 1] - offsets[number];
      if (offsets[number + 1] <= this.#top + 1) shift += height - before;
      this.heights.measure(key, height);
      changed = true;
    }
    if (!changed) return;
    if (this.#pinned) list.scrollTop = list.scrollHeight;
    else if (shift) list.scrollTop += shift;
    this.#top = list.scrollTop;
    // Rows that are in the document are not drawn again for their own height: what stands above and below them stays as high as it was.
    this.heights.place(this.props.rows, this.props.estimate);
    if (this.#range !== this.#rangeNow().name) this.forceUpdate();
  }

  #scrolled = () => {
    const list = this.scroller.current;
    if (!list) return; // it scrolled before it went
    // Not the reader moved it, but its new size, which `#resized` is about to look at.
    if (list.clientHeight !== this.#seen) return;
    const end = list.scrollHeight - list.clientHeight - list.scrollTop < END_PX;
    // What is added below moves nobody: only going up leaves the end.
    if (end) this.#pinned = true;
    else if (list.scrollTop < this.#top - 1) {
      if (this.#pinned) this.#lastSeen = this.props.rows.at(-1)?.key ?? "";
      this.#pinned = false;
    }
    this.#top = list.scrollTop;
    if (this.state.away === this.#pinned) this.setState({ away: !this.#pinned });
    else if (this.#range !== this.#rangeNow().name) this.forceUpdate();
  };

  #rangeNow() {
    const { length } = this.props.rows;
    if (this.#printed) return { start: Math.max(0, length - PRINTED_MAX), end: length, name: "printed" };
    const top = this.#pinned ? Math.max(0, this.heights.total - this.#seen) : this.#top;
    const { start, end } = this.heights.between(top - OVERSCAN_PX, top + this.#seen + OVERSCAN_PX);
    return { start, end, name: `${start}-${end}` };
  }

  toEnd = () => {
    const focused = document.activeElement?.classList.contains("to-end");
    this.#pinned = true;
    this.setState({ away: false });
    if (focused) this.scroller.current.focus({ preventScroll: true });
  };

  /** Rows that came since the reader left the end. */
  get #below() {
    const { rows } = this.props;
    const seen = rows.findLastIndex((row) => row.key === this.#lastSeen);
    return seen < 0 ? 0 : rows.length - 1 - seen;
  }

  /** Move the focus to the row before or after the one that has it, or to the newest. @param {-1 | 1} step */
  move(step) {
    const { rows } = this.props;
    const focused = /** @type {HTMLElement | null | undefined} */ (document.activeElement?.closest(".row"));
    const at = rows.findIndex((row) => row.key === focused?.dataset.key);
    const next = at < 0 ? rows.length - 1 : Math.min(rows.length - 1, Math.max(0, at + step));
    if (!rows.length) return;
    const focus = () => {
      const element = /** @type {HTMLElement | undefined} */ (this.#elements.get(rows[next].key));
      element?.focus({ preventScroll: true });
      element?.scrollIntoView({ block: "nearest" });
      return element !== undefined;
    };
    if (focus()) return;
    if (!this.scroller.current) return;
    this.scroller.current.scrollTop = this.heights.offsets[next];
    this.#scrolled();
    requestAnimationFrame(focus);
  }

  /** Bring a row into view, from wherever it is. Gives its element; null if there is no such row. @param {string} key @returns {Promise<HTMLElement | null>} */
  async show(key) {
    for (let tries = 0; tries < SHOW_FRAMES && this.scroller.current; tries += 1) {
      const at = this.props.rows.findIndex((row) => row.key === key);
      if (at < 0) return null;
      const element = /** @type {HTMLElement | undefined} */ (this.#elements.get(key));
      if (element) {
        element.scrollIntoView({ block: "start" });
        return element;
      }
      this.scroller.current.scrollTop = this.heights.offsets[at];
      this.#scrolled();
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
    return null;
  }

  /** @param {ListProps} props @param {{ away: boolean }} state */
  render({ rows, render, estimate, name: naming, label, busy }, { away }) {
    this.#hadFocus = !!this.scroller.current?.contains(document.activeElement);
    this.heights.place(rows, estimate);
    const { start, end, name } = this.#rangeNow();
    this.#range = name;
    const { offsets, total } = this.heights;
    return html`<div class="list">
      <div class="scroller" ref=${this.scroller} onScroll=${this.#scrolled} tabindex="0" role="feed" aria-label=${label} aria-busy=${busy}>
        <div class="rows">
          <div key="above" class="space" style=${{ height: `${offsets[start]}px` }}></div>
          ${rows.slice(start, end).map((row, number) => {
            return html`<${RowFrame} key=${row.key} row=${row} render=${render} name=${naming} at=${start + number + 1} of=${rows.length} watch=${this.#watch} />`;
          })}
          <div key="below" class="space" style=${{ height: `${total - offsets[end]}px` }}></div>
        </div>
      </div>
      ${away && html`<button type="button" class="to-end" onClick=${this.toEnd}><${Icon} name="down" /> ${this.#below ? `${this.#below} new below` : "Latest"}</button>`}
    </div>`;
  }
}
