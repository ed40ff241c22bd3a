// History: goes through what was said before, in the message field. Pure.

export class PromptHistory {
  #at = -1;
  #shown = "";

  /**
   * The text to show after a step; null: the key is not for the history, because there is nothing more, or something else is written.
   * @param {string[]} texts what was said, the newest first @param {1 | -1} step 1: an older one @param {string} now what is written
   */
  step(texts, step, now) {
    if (now === "") this.#at = -1;
    else if (this.#at < 0 || now !== this.#shown) return null;
    const at = this.#at + step;
    if (at < -1 || at >= texts.length) return null;
    this.#at = at;
    this.#shown = at < 0 ? "" : texts[at];
    return this.#shown;
  }
}

/** What a person said, the newest first, without what was said twice in a row. @param {{ role: string, text?: string }[]} messages */
export function promptsOf(messages) {
  const said = messages.flatMap((one) => (one.role === "user" && one.text ? [one.text] : [])).reverse();
  return said.filter((text, at) => text !== said[at - 1]);
}
