// Strikethrough: GFM's inline rule for text between one or two tildes on each side.

/** Delimiters pair with those of their own marker, so each number of tildes has one. */
const MARKERS = [0, 0x10_007e, 0x7e];

/** @type {import("markdown-it").InlineRule} */
export function strike(state, silent) {
  if (silent || state.src[state.pos] !== "~") return false;
  const { length, can_open, can_close } = state.scanDelims(state.pos, true);
  state.push("text", "", 0).content = "~".repeat(length);
  if (length <= 2) {
    const token = state.tokens.length - 1;
    state.delimiters.push({ marker: MARKERS[length], length: 0, token, end: -1, open: can_open, close: can_close });
  }
  state.pos += length;
  return true;
}

/** @type {import("markdown-it").PairRule} */
export function strikePairs(state) {
  for (const delimiters of [state.delimiters, ...state.tokens_meta.map((meta) => meta?.delimiters)]) {
    for (const opener of delimiters ?? []) {
      if (opener.end === -1 || !MARKERS.includes(opener.marker)) continue;
      become(state.tokens[opener.token], "s_open", 1);
      become(state.tokens[/** @type {any} */ (delimiters)[opener.end].token], "s_close", -1);
    }
  }
}

/** @param {import("markdown-it").Token} token @param {string} type @param {1 | -1} nesting */
function become(token, type, nesting) {
  Object.assign(token, { type, tag: "s", nesting, content: "" });
}
