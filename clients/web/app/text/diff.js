// Diff: changes of texts line by line, from two texts or from a unified diff; unchanged lines can be left out. Pure.

/** @typedef {{ kind: "same" | "old" | "new" | "head", text: string }} DiffLine `head`: where the lines that follow are */

/** Texts with more lines than this are compared as two blocks: line by line would take too long. */
const DIFF_LINES = 600;
/** Unchanged lines that are shown around a change. */
const AROUND = 3;
const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;
/** @type {Record<string, DiffLine["kind"]>} */
const KINDS = { "+": "new", "-": "old", " ": "same", "\\": "same" };

/**
 * Two texts, line by line, by their longest common subsequence.
 * @param {string} before @param {string} after
 * @returns {DiffLine[]}
 */
export function diff(before, after) {
  const [a, b] = [linesOf(before), linesOf(after)];
  const lines = (/** @type {DiffLine["kind"]} */ kind, /** @type {string[]} */ texts) => texts.map((text) => ({ kind, text }));
  const ends = endings(before, after);
  if (a.length > DIFF_LINES || b.length > DIFF_LINES) return [...lines("old", a), ...lines("new", b), ...ends];
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  }
  /** @type {DiffLine[]} */
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) found.push({ kind: "same", text: a[i] }), (i += 1), (j += 1);
    else if (common[i + 1][j] >= common[i][j + 1]) found.push({ kind: "old", text: a[i++] });
    else found.push({ kind: "new", text: b[j++] });
  }
  return [...found, ...lines("old", a.slice(i)), ...lines("new", b.slice(j)), ...ends];
}

/** The difference that no line shows: one text ends in a line feed, and the other does not. @param {string} before @param {string} after @returns {DiffLine[]} */
function endings(before, after) {
  if (!before || !after || before.endsWith("\n") === after.endsWith("\n")) return [];
  return [{ kind: "head", text: `the ${after.endsWith("\n") ? "new" : "old"} text ends in a line feed, the other does not` }];
}

/** A text that ends in a newline has no empty line after it. @param {string} text */
function linesOf(text) {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Without the unchanged lines that are far from any change. @param {DiffLine[]} lines @returns {DiffLine[]} */
export function shortened(lines) {
  const near = new Uint8Array(lines.length);
  lines.forEach(({ kind }, at) => kind !== "same" && near.fill(1, Math.max(0, at - AROUND), at + AROUND + 1));
  /** @type {DiffLine[]} */
  const kept = [];
  let left = 0;
  lines.forEach((line, at) => {
    if (near[at]) {
      if (left) kept.push({ kind: "head", text: `${left} unchanged ${left === 1 ? "line" : "lines"}` });
      left = 0;
      kept.push(line);
    } else {
      left += 1;
    }
  });
  if (left && kept.length) kept.push({ kind: "head", text: `${left} unchanged ${left === 1 ? "line" : "lines"}` });
  return kept;
}

/** Whether a text holds a unified diff. @param {string} text */
export function isPatch(text) {
  return /^(?:diff --git |--- [^\n]+\n\+\+\+ |@@ -\d+(?:,\d+)? \+\d)/m.test(text.slice(0, 4000));
}

/**
 * The unified diff in a text, and what is said around it; null if there is none.
 * @param {string} text
 * @returns {{ before: string, lines: DiffLine[], after: string } | null}
 */
export function patchIn(text) {
  if (!isPatch(text)) return null;
  const all = text.split("\n");
  const begins = (/** @type {number} */ at) => /^diff --git /.test(all[at]) || HUNK.test(all[at]) || (/^--- /.test(all[at]) && /^\+\+\+ /.test(all[at + 1] ?? ""));
  let start = 0;
  while (start < all.length && !begins(start)) start += 1;
  /** @type {DiffLine[]} */
  const lines = [];
  let at = start;
  // A hunk says how many lines it has: what looks like a header in it is none.
  for (let [old, fresh] = [0, 0]; at < all.length; at += 1) {
    const line = all[at];
    const kind = line === "" ? "same" : KINDS[line[0]];
    const hunk = HUNK.exec(line);
    if (kind && (old > 0 || fresh > 0 || line.startsWith("\\"))) {
      lines.push({ kind, text: line.slice(1) });
      if (kind !== "new" && !line.startsWith("\\")) old -= 1;
      if (kind !== "old" && !line.startsWith("\\")) fresh -= 1;
    } else if (hunk) {
      [old, fresh] = [Number(hunk[1] ?? 1), Number(hunk[2] ?? 1)];
      lines.push({ kind: "head", text: line });
    } else if (begins(at) || /^(?:index |\+\+\+ |new file|deleted file|similarity|rename )/.test(line)) {
      lines.push({ kind: "head", text: line });
    } else {
      break;
    }
  }
  return { before: all.slice(0, start).join("\n").trim(), lines, after: all.slice(at).join("\n").trim() };
}

/** How many lines came and went. @param {DiffLine[]} lines */
export function counts(lines) {
  return { added: lines.filter(({ kind }) => kind === "new").length, removed: lines.filter(({ kind }) => kind === "old").length };
}
