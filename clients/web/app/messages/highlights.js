// Highlights: marks places in what is drawn, without a change of the document (CSS Custom Highlight API).

import { folded, placesOf } from "../text/find.js";

const ALL = "found";
const THIS = "found-now";

/** The places of the words in an element, as ranges. @param {Element} element @param {string} words @returns {Range[]} */
export function rangesIn(element, words) {
  const sought = folded(words);
  if (!sought.trim()) return [];
  /** @type {{ node: Text, begin: number }[]} */
  const nodes = [];
  let text = "";
  const skip = (/** @type {Node} */ node) => (/** @type {Text} */ (node).parentElement?.closest(".hidden, .actions, button") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, skip);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    nodes.push({ node: /** @type {Text} */ (node), begin: text.length });
    text += /** @type {Text} */ (node).data;
  }
  const inNode = (/** @type {number} */ place) => {
    const { node, begin } = /** @type {{ node: Text, begin: number }} */ (nodes.findLast((one) => one.begin <= place));
    return /** @type {const} */ ([node, place - begin]);
  };
  return placesOf(folded(text), sought).map((place) => {
    const range = new Range();
    range.setStart(...inNode(place));
    const [last, at] = inNode(place + sought.length - 1);
    range.setEnd(last, at + 1);
    return range;
  });
}

/** Mark the words in all rows that are drawn, and one place more strongly. @param {Element | null} scroller @param {string} words @param {Range | null} now */
export function mark(scroller, words, now) {
  const { highlights } = CSS;
  if (!highlights) return;
  const rows = scroller ? [...scroller.querySelectorAll(".row")] : [];
  highlights.set(ALL, new Highlight(...rows.flatMap((row) => rangesIn(row, words))));
  if (now) highlights.set(THIS, new Highlight(now));
  else highlights.delete(THIS);
}

export function unmark() {
  CSS.highlights?.delete(ALL);
  CSS.highlights?.delete(THIS);
}
