// Pace: when the page looks at what changed: in the next frame, and at what only streams less often.

import { signal } from "@preact/signals";

/** While the page is not shown there are no frames; then the view is looked at this often. */
const HIDDEN_MS = 500;
/**
 * What streams is drawn at most this often: each time costs the browser a layout and a paint of all that is seen. Where that
 * takes long it is done less often, so that most of the time is left for what the user does.
 */
const STREAMED_MS = 45;
const STREAMED_MAX_MS = 120;
/** The time from one such draw to the next is so many times what it takes. */
const STREAMED_SHARE = 5;

/** Two counts that the page follows: one of what streams, one of all else. */
export class Pace {
  version = signal(0);
  grown = signal(0);
  /** Of the frame that is waited for; 0: none. */
  #frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;
  #lookedAt = -Infinity;
  /** What the last draw of what streams took, in ms. */
  #took = 0;
  /** Whether more changed than what streams. */
  #whole = false;

  /** Let the page see what changed; `streamed`: nothing but what streams. */
  look(streamed = false) {
    this.#whole ||= !streamed;
    if (this.#frame && !document.hidden) return;
    // The frame that was waited for when the page was left does not come.
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const wait = document.hidden ? HIDDEN_MS : this.#whole ? 0 : this.#lookedAt + this.#between - performance.now();
    if (wait > 0) {
      this.#later ??= setTimeout(document.hidden ? this.#now : this.#again, wait);
      return;
    }
    clearTimeout(this.#later);
    this.#later = undefined;
    this.#frame = requestAnimationFrame(this.#now);
  }

  get #between() {
    return Math.min(STREAMED_MAX_MS, Math.max(STREAMED_MS, STREAMED_SHARE * this.#took));
  }

  #again = () => {
    this.#later = undefined;
    this.look(true);
  };

  #now = () => {
    const changed = this.#whole ? this.version : this.grown;
    this.#frame = 0;
    this.#later = undefined;
    this.#whole = false;
    const began = (this.#lookedAt = performance.now());
    changed.value += 1;
    // A task of its own comes after the frame's style, layout and paint.
    if (changed === this.grown) setTimeout(() => (this.#took = performance.now() - began));
  };
}
