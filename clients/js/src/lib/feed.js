// Feed: the bounded queue of outcomes for one consumer. A consumer that falls behind gets an error and misses nothing silently.

/** @import { FeedItem, Session } from "../holdfast.js" */

/** What comes from now on, until the session ends. @param {Session} session @param {number} most items that may wait */
export async function* feedOf(session, most) {
  /** @type {Feed<FeedItem>} */
  const feed = new Feed(most);
  const silence = session.listen((items) => items.forEach((one) => feed.put(one)));
  try {
    for await (const item of feed) {
      yield item;
      if (item.kind === "status" && item.status.phase === "ended") return;
    }
  } finally {
    silence();
  }
}

/** @template T */
class Feed {
  /** @type {T[]} */
  #items = [];
  #most;
  /** @type {(() => void) | null} */
  #arrived = null;

  /** @param {number} most items that may wait */
  constructor(most) {
    this.#most = most;
  }

  /** @param {T} item */
  put(item) {
    if (this.#items.length <= this.#most) this.#items.push(item);
    this.#arrived?.();
  }

  /** Throws if more than `most` items came unread. */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      if (this.#items.length > this.#most) throw new Error(`more than ${this.#most} items wait: read faster, or look at the view`);
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else await new Promise((resolve) => (this.#arrived = () => resolve(undefined)));
    }
  }
}
