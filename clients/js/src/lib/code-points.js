// Code points: applies offsets, which count code points, to strings, which count UTF-16 units.

/** How many code points a growing text has, kept beside it: offsets count these, strings here count UTF-16 units. */
/** @type {WeakMap<object, Map<string, { text: string, points: number }>>} */
const counted = new WeakMap();

/**
 * `owner[field]` becomes what it was up to `offset` code points, then `text`.
 * @template {string} F
 * @param {Record<F, string>} owner @param {F} field @param {number} offset @param {string} text
 */
export function setFrom(owner, field, offset, text) {
  let fields = counted.get(owner);
  if (!fields) counted.set(owner, (fields = new Map()));
  let count = fields.get(field);
  if (!count || count.text !== owner[field]) count = { text: owner[field], points: pointsOf(owner[field]) };
  if (offset < count.points) {
    owner[field] = [...owner[field]].slice(0, offset).join("");
    count.points = offset;
  }
  owner[field] += text;
  fields.set(field, { text: owner[field], points: count.points + pointsOf(text) });
}

/** @param {string} text */
function pointsOf(text) {
  let points = 0;
  for (const _ of text) points += 1;
  return points;
}
