// Chunks: divides one long list, table or code into pieces that are left out of layout while they are far from what is seen, so that
// a frame's work does not grow with them.

/** Children of a list or rows of a table that come first, undivided, and those of each chunk. */
const ITEMS = 64;
/** Characters of code that come first, and of each chunk. */
const FIRST_CHARS = 10_000;
const CHARS = 10_000;
const DIVIDED = new Set(["UL", "OL", "TBODY"]);

/** Where a child is, or goes: its parent, and its place there. @param {HTMLElement} element @param {number} index @returns {[HTMLElement, number]} */
export function placeOf(element, index) {
  if (index < ITEMS || !DIVIDED.has(element.tagName)) return [element, index];
  const number = Math.floor((index - ITEMS) / ITEMS);
  const at = (index - ITEMS) % ITEMS;
  if (element.tagName !== "TBODY") return [/** @type {HTMLElement} */ (element.children[ITEMS + number] ?? listChunk(element)), at];
  const around = /** @type {HTMLElement} */ (element.parentElement?.parentElement);
  const chunk = around.children[number + 1] ?? tableChunk(element, around);
  return [/** @type {HTMLTableElement} */ (chunk.firstElementChild).tBodies[0], at];
}

/** @param {HTMLElement} element @param {number} index */
export function removeAt(element, index) {
  const [parent, at] = placeOf(element, index);
  parent.childNodes[at]?.remove();
  if (parent !== element && !parent.childNodes.length) parent.closest(".chunk")?.remove();
}

/** @param {HTMLElement} list */
function listChunk(list) {
  const chunk = document.createElement("div");
  chunk.className = "chunk";
  chunk.setAttribute("role", "presentation");
  estimate(chunk, list.children[0], list.children[ITEMS - 1]);
  return list.appendChild(chunk);
}

/** The first table says how wide the columns are of those that go on after it. @param {HTMLElement} rows @param {HTMLElement} around */
function tableChunk(rows, around) {
  const chunk = document.createElement("div");
  chunk.className = "chunk";
  const table = chunk.appendChild(document.createElement("table"));
  const columns = table.appendChild(document.createElement("colgroup"));
  const cells = [...(rows.firstElementChild?.children ?? [])].map((cell) => cell.getBoundingClientRect().width);
  const width = cells.reduce((sum, each) => sum + each, 0);
  if (width) table.style.width = `${width}px`;
  for (const each of cells) {
    const column = columns.appendChild(document.createElement("col"));
    if (width) column.style.width = `${(100 * each) / width}%`;
  }
  table.appendChild(document.createElement("tbody"));
  estimate(chunk, rows.children[0], rows.children[ITEMS - 1]);
  return around.appendChild(chunk);
}

/** The height of a chunk that was never laid out is that of the first ones. @param {HTMLElement} chunk @param {Element} first @param {Element} last */
function estimate(chunk, first, last) {
  const height = last.getBoundingClientRect().bottom - first.getBoundingClientRect().top;
  chunk.style.containIntrinsicBlockSize = `auto ${Math.max(100, Math.round(height))}px`;
}

/** Adds text to code. A chunk ends with the first line that fills it, in whatever pieces the text comes. @param {HTMLElement} code @param {string} text */
export function addCode(code, text) {
  let rest = text;
  while (rest) {
    const chunk = lastOf(code);
    const node = /** @type {Text} */ (chunk instanceof Text ? chunk : chunk.firstChild);
    const room = Math.max(0, (chunk instanceof Text ? FIRST_CHARS : CHARS) - node.length);
    const end = rest.length <= room ? rest.length : rest.indexOf("\n", room) + 1 || rest.length;
    node.appendData(rest.slice(0, end));
    rest = rest.slice(end);
    if (chunk instanceof HTMLElement) chunk.style.containIntrinsicBlockSize = `auto ${1.5 * node.data.split("\n").length}em`;
  }
}

/** The chunk that has room. @param {HTMLElement} code @returns {HTMLElement | Text} */
function lastOf(code) {
  const last = /** @type {HTMLElement | Text | null} */ (code.lastChild);
  if (!last) return code.appendChild(document.createTextNode(""));
  const node = /** @type {Text} */ (last instanceof Text ? last : last.firstChild);
  if (node.length <= (last === node ? FIRST_CHARS : CHARS) || !node.data.endsWith("\n")) return last;
  const chunk = code.appendChild(document.createElement("span"));
  chunk.className = "chunk";
  chunk.appendChild(document.createTextNode(""));
  return chunk;
}
