// ANSI: a program's output as a terminal would show it: colours by name, overwritten lines, no control characters.
// Pure. Source: ECMA-48, section 8.3 (SGR, EL); XTerm Control Sequences for OSC and the 256 colours.

/** @typedef {{ text: string, style: string }} Run `style`: names of colours and weights, with spaces between; often empty */
/** @typedef {{ fg: string, bold: boolean, dim: boolean, italic: boolean, underline: boolean }} Pen */

const PARTS = /\u001b\[([0-?]*)[ -/]*([@-~])|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b\[?[0-?]*[ -/]*$|\u001b[ -/]*[0-~]|\r\n|[\r\n\b]|[^\u001b\r\n\b]+/gu;
// Tab is a space of its own; the other controls have no looks.
const CONTROLS = /[\u0000-\u0007\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

const PLAIN = { fg: "", bold: false, dim: false, italic: false, underline: false };

/** @param {Pen} pen */
function styleOf({ fg, bold, dim, italic, underline }) {
  return [fg, bold && "bold", dim && "dim", italic && "italic", underline && "underline"].filter(Boolean).join(" ");
}

/** Select Graphic Rendition. @param {Pen} before @param {string} parameters @returns {Pen} */
function penAfter(before, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  const pen = { ...before };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) Object.assign(pen, PLAIN);
    else if (code === 1) pen.bold = true;
    else if (code === 2) pen.dim = true;
    else if (code === 3) pen.italic = true;
    else if (code === 4) pen.underline = true;
    else if (code === 22) pen.bold = pen.dim = false;
    else if (code === 23) pen.italic = false;
    else if (code === 24) pen.underline = false;
    else if (code >= 30 && code <= 37) pen.fg = COLOURS[code - 30];
    else if (code >= 90 && code <= 97) pen.fg = COLOURS[code - 90];
    else if (code === 39) pen.fg = "";
    else if (code === 38 || code === 48) {
      const colour = codes[at + 1] === 5 ? codes[at + 2] : 16;
      if (code === 38) pen.fg = colour < 16 ? COLOURS[colour % 8] : "";
      at += codes[at + 1] === 5 ? 2 : 4;
    }
  }
  return pen;
}

/** One line while it is written: characters with their styles, and where the next one goes. */
class Line {
  /** @type {Run[]} */
  runs = [];
  length = 0;
  at = 0;

  /** @param {string} text @param {string} style */
  write(text, style) {
    const written = [...text].length;
    if (this.at < this.length) {
      const [before, rest] = [this.#cut(0, this.at), this.#cut(this.at + written, this.length)];
      this.runs = [...before, { text, style }, ...rest];
      this.at += written;
      this.length = Math.max(this.length, this.at);
      return;
    }
    const last = this.runs.at(-1);
    if (last?.style === style) last.text += text;
    else this.runs.push({ text, style });
    this.at = this.length += written;
  }

  /** Erase in Line. @param {string} how 0: to its end; 1: to its beginning; 2: all of it */
  erase(how) {
    const spaces = { text: " ".repeat(this.at), style: "" };
    if (how === "2") this.runs = this.at ? [spaces] : [];
    else if (how === "1") this.runs = [spaces, ...this.#cut(this.at, this.length)];
    else this.runs = this.#cut(0, this.at);
    if (how !== "1") this.length = this.at;
  }

  /** @param {number} from @param {number} to in characters */
  #cut(from, to) {
    /** @type {Run[]} */
    const kept = [];
    let place = 0;
    for (const { text, style } of this.runs) {
      const part = [...text];
      const piece = part.slice(Math.max(0, from - place), Math.max(0, to - place)).join("");
      if (piece) kept.push({ text: piece, style });
      place += part.length;
    }
    return kept;
  }
}

/**
 * The output as a terminal would show it. An escape that is not complete yet is left out.
 * @param {string} output
 * @returns {Run[]}
 */
export function terminalRuns(output) {
  /** @type {Run[]} */
  const runs = [];
  let line = new Line();
  let pen = PLAIN;
  let style = "";
  const add = (/** @type {Run} */ run) => {
    const last = runs.at(-1);
    if (last?.style === run.style) last.text += run.text;
    else runs.push({ ...run });
  };
  const end = (/** @type {string} */ after) => {
    line.runs.forEach(add);
    if (after) add({ text: after, style: runs.at(-1)?.style ?? "" });
    line = new Line();
  };
  for (const [part, parameters, final] of output.matchAll(PARTS)) {
    if (part === "\n" || part === "\r\n") end("\n");
    else if (part === "\r") line.at = 0;
    else if (part === "\b") line.at = Math.max(0, line.at - 1);
    else if (final === "m") style = styleOf((pen = penAfter(pen, parameters)));
    else if (final === "K") line.erase(parameters);
    else if (part[0] !== "\u001b") {
      const text = part.replace(CONTROLS, "");
      if (text) line.write(text, style);
    }
  }
  end("");
  return runs;
}

/** The same without colours. @param {string} output */
export function terminalText(output) {
  return terminalRuns(output).map(({ text }) => text).join("");
}
