// Heights: where the rows of a long list stand, as far as they were measured. Pure.

/** Where the rows stand: measured heights, and estimates for the rest. Pure. */
export class Heights {
  /** @type {Map<string, number>} */
  #measured = new Map();
  /** @type {WeakMap<object, number>} */
  #estimated = new WeakMap();
  offsets = new Float64Array(1);

  /** @param {{ key: string }[]} rows @param {(row: any) => number} estimate */
  place(rows, estimate) {
    const offsets = rows.length + 1 === this.offsets.length ? this.offsets : new Float64Array(rows.length + 1);
    for (let number = 0; number < rows.length; number += 1) {
      offsets[number + 1] = offsets[number] + (this.#measured.get(rows[number].key) ?? this.#estimate(rows[number], estimate));
    }
    this.offsets = offsets;
  }

  /** @param {{ key: string }} row @param {(row: any) => number} estimate */
  #estimate(row, estimate) {
    let height = this.#estimated.get(row);
    if (height === undefined) this.#estimated.set(row, (height = estimate(row)));
    return height;
  }

  get total() {
    return this.offsets[this.offsets.length - 1];
  }

  /** @param {string} key @param {number} height */
  measure(key, height) {
    this.#measured.set(key, height);
  }

  /** @param {string} key */
  of(key) {
    return this.#measured.get(key);
  }

  /** The first and one past the last row between two places. @param {number} top @param {number} bottom */
  between(top, bottom) {
    const count = this.offsets.length - 1;
    const start = Math.max(0, Math.min(this.#rowAt(top), count - 1));
    return { start, end: Math.min(count, this.#rowAt(bottom) + 1) };
  }

  /** The row that covers a place. @param {number} place */
  #rowAt(place) {
    let low = 0;
    let high = this.offsets.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.offsets[middle + 1] <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
