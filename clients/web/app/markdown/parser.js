// Markdown parser: wraps the streaming parser so that no character is lost. It limits the levels of nesting and the length of
// a link's address; what goes beyond that is shown as plain text.

/** @typedef {typeof import("streaming-markdown")} Markdown */

/** Levels of quotes, lists and marks; the parser has room for 24, and one character opens three at most. */
const LEVELS = 20;
/** The longest address of a link. */
const ADDRESS_CHARS = 4_000;
/** What may open a level, itself or with the character after it. */
const MARKS = /[>\-+*_~`[!|#$\\.)]/;
const BY_MARK = /[^>\-+*_~`[!|#$\\.)]+|[>\-+*_~`[!|#$\\.)]/g;

/** One text, parsed piece by piece. */
export class MarkdownParser {
  #smd;
  #parser;
  #plain = false;

  /** @param {Markdown} smd the parser's module @param {import("streaming-markdown").Any_Renderer} renderer */
  constructor(smd, renderer) {
    this.#smd = smd;
    this.#parser = smd.parser(renderer);
  }

  /** @param {string} text */
  write(text) {
    for (const line of text.match(/\n|[^\n]+/g) ?? []) {
      if (this.#plain || this.#parser.len + marks(line, LEVELS) < LEVELS) this.#put(line);
      else this.#putByMark(line);
    }
  }

  /** Looks after each mark whether the text has become plain. @param {string} line */
  #putByMark(line) {
    for (const { 0: piece, index } of line.matchAll(BY_MARK)) {
      if (this.#plain) return this.#put(line.slice(index));
      this.#put(piece);
    }
  }

  end() {
    if (this.#inAddress) this.#giveUpAddress();
    this.#smd.parser_end(this.#parser);
  }

  /** @param {string} piece a newline, or something without one */
  #put(piece) {
    const parser = this.#parser;
    if (this.#plain) {
      parser.text += piece;
      this.#smd.parser_write(parser, "");
      return;
    }
    if (this.#inAddress && (piece === "\n" || parser.pending.length > ADDRESS_CHARS)) this.#giveUpAddress();
    this.#smd.parser_write(parser, piece);
    if (parser.len < LEVELS) return;
    this.#plain = true;
    parser.text += parser.pending;
    parser.pending = "";
  }

  get #inAddress() {
    const { Token } = this.#smd;
    const { token, pending } = this.#parser;
    return (token === Token.Link || token === Token.Image) && pending.startsWith("](");
  }

  /** What was taken for an address is text after all. */
  #giveUpAddress() {
    const parser = this.#parser;
    const taken = parser.pending;
    parser.pending = "](";
    this.#smd.parser_write(parser, ")");
    parser.text += taken;
    this.#smd.parser_write(parser, "");
  }
}

/** How many levels a line may open, counted up to `most`. @param {string} line @param {number} most */
function marks(line, most) {
  let count = 0;
  for (const char of line) if (MARKS.test(char) && (count += 1) >= most) break;
  return count;
}
