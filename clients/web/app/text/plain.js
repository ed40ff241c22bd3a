// Plain text: what a short piece of Markdown says, without its marks, for where nothing is set. Pure.

/** Between the parts of a text. The server's index takes it out of what it finds. */
const BETWEEN = "\x02";
/** What goes, and what stays of it. A mark whose other half was cut off goes too; `2**3`, `*.py` and `__init__` stay. @type {[RegExp, string][]} */
const MARKS = [
  [/^[ \t]*(?:`{3,}|~{3,})[\w+#-]*[ \t]*$/gm, ""],
  [/^[ \t]*(?:#{1,6}|>(?:[ \t]*\[!\w+\])?)[ \t]+/gm, ""],
  [/^([ \t]*(?:[-*+]|\d+[.)])[ \t]+)\[[ xX]\][ \t]+/gm, "$1"],
  [/^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t:-]*)*$/gm, ""],
  [/!?\[([^\]\n]*)\]\([^()\s\x02]*\)/g, "$1"],
  [/(?<![\w*])\*\*(?=\S)|(?<=\S)\*\*(?![\w*])/g, ""],
  [/~~(?=\S)|(?<=\S)~~/g, ""],
  [/(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g, "$1"],
  [/(?<!\w)_(?=[^\s_])([^_\n]*[^\s_])_(?!\w)/g, "$1"],
  [/`+/g, ""],
];

/** A row of a table. */
const ROW = /^[ \t]*\|.*$|^.*\|[ \t]*$/gm;

/** Of what stands before the first thing found so much is shown: that is to be seen in the two lines that there are. */
const BEFORE = /^(?=.{40}).+?(?<=\s)(?=\S.{0,28}$)/s;

/** The parts of a text, each without the marks of Markdown, the first cut short; as many as were given. @param {string[]} parts */
export function plainParts(parts) {
  const text = MARKS.reduce((text, [mark, kept]) => text.replace(mark, kept), parts.join(BETWEEN));
  const [first, ...others] = text.replace(ROW, (row) => row.replace(/^[ \t]*\||\|[ \t]*$/g, "").replaceAll("|", "·").trim()).trim().split(BETWEEN);
  return [others.length ? first.replace(BEFORE, "…") : first, ...others];
}
