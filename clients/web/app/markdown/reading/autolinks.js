// Autolinks: GFM's links of bare addresses: `https://`, `http://`, `www.` and e-mail.

/** @typedef {import("markdown-it").InlineState} InlineState */

const SCHEME = /(?:^|[^a-z])(https?)$/i;
const ADDRESS = /[^\s<`]*/y;
/** GFM: no `_` in the last two parts. */
const HOST = /^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*/u;
const LOCAL_PART = /[A-Za-z0-9.+_-]+$/;
const DOMAIN = /^@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+/;

/** The rule for what has a mark within that would else end the address. @type {import("markdown-it").InlineRule} */
export function linkWords(state, silent) {
  if (silent || state.linkLevel > 0) return false;
  const { src, pos } = state;
  if (src.startsWith("://", pos)) {
    const scheme = SCHEME.exec(state.pending.slice(-6))?.[1];
    if (!scheme) return false;
    const address = addressAt(src, pos - scheme.length, scheme.length + 3, 0, state.posMax);
    if (!address) return false;
    state.pending = state.pending.slice(0, -scheme.length);
    pushLink(state, address, address);
    state.pos = pos - scheme.length + address.length;
    return true;
  }
  if (src.startsWith("www.", pos) && (pos === 0 || /[\s*_~(]/.test(src[pos - 1]))) {
    const address = addressAt(src, pos, 0, 1, state.posMax);
    if (!address) return false;
    pushLink(state, `http://${address}`, address);
    state.pos += address.length;
    return true;
  }
  if (src[pos] === "w") {
    state.pending += "w";
    state.pos += 1;
    return true;
  }
  return false;
}

/**
 * @param {string} text @param {number} start @param {number} host where it begins, from the start @param {number} dots its host has at least
 * @param {number} end
 */
function addressAt(text, start, host, dots, end) {
  ADDRESS.lastIndex = start;
  const found = trimmed((ADDRESS.exec(text)?.[0] ?? "").slice(0, end - start));
  const name = HOST.exec(found.slice(host))?.[0] ?? "";
  const parts = name.split(".");
  if (!name || parts.length <= dots || parts.slice(-2).some((part) => part.includes("_"))) return "";
  return found;
}

/** Without what ends a sentence or a bracket around the address. @param {string} address */
function trimmed(address) {
  let end = address.length;
  let open = count(address, "(") - count(address, ")");
  let square = count(address, "[") - count(address, "]");
  for (; end > 0; end--) {
    const last = address[end - 1];
    if (last === ")" && open < 0) open += 1;
    else if (last === "]" && square < 0) square += 1;
    else if (last === ";") {
      const entity = /&[A-Za-z0-9]+;$/.exec(address.slice(Math.max(0, end - 40), end));
      if (entity) end -= entity[0].length - 1;
    } else if (!"?!.,:*_~'\"".includes(last)) break;
  }
  return address.slice(0, end);
}

/** @param {string} text @param {string} char */
function count(text, char) {
  return text.split(char).length - 1;
}

/** @param {InlineState} state @param {string} href @param {string} text */
function pushLink(state, href, text) {
  const opened = state.push("link_open", "a", 1);
  opened.attrs = [["href", href]];
  opened.markup = "auto";
  state.push("text", "", 0).content = text;
  state.push("link_close", "a", -1);
}

/**
 * A text in pieces: each e-mail address and what is between them.
 * @param {string} text @returns {{ text: string, email: boolean }[]}
 */
export function emails(text) {
  const pieces = [];
  let from = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const local = LOCAL_PART.exec(text.slice(Math.max(from, at - 100), at))?.[0];
    const domain = DOMAIN.exec(text.slice(at, at + 255))?.[0];
    if (!local || !domain || /[-_]$/.test(domain)) continue;
    const start = at - local.length;
    if (start > from) pieces.push({ text: text.slice(from, start), email: false });
    pieces.push({ text: local + domain, email: true });
    from = at + domain.length;
    at = from - 1;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), email: false });
  return pieces;
}
