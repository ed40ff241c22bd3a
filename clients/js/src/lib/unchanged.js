// Unchanged: makes views that do not change in place, and that share with the one before all that stayed the same. Pure.

/** @import { Message } from "../../protocol.d.ts" */
/** @import { View } from "../view.js" */

/** The newest such view of one session. */
export class Unchanged {
  /** Whether the view may have changed since. */
  stale = true;
  /** @type {View | null} */
  #last = null;

  /** @param {View} view */
  of(view) {
    if (this.stale || !this.#last) this.#last = unchanged(view, this.#last);
    this.stale = false;
    return this.#last;
  }
}

/**
 * The view as it is now: `last` if nothing changed since that was made, else a new object with the parts of `last` that did not.
 * A message that was loaded anew keeps the object that it had, in the view too.
 * @param {View} view @param {View | null} last
 * @returns {View}
 */
export function unchanged(view, last) {
  /** @type {any} */
  const made = {};
  let same = last !== null;
  for (const name of /** @type {(keyof View)[]} */ (Object.keys(view))) {
    made[name] = name === "messages" ? messagesOf(view.messages, last?.messages ?? []) : part(view[name], last?.[name]);
    same &&= made[name] === last?.[name];
  }
  return same ? /** @type {View} */ (last) : made;
}

/** The fold adds and removes messages, but changes none. @param {Message[]} now @param {Message[]} last */
function messagesOf(now, last) {
  if (areTheSame(now, last)) return last;
  const before = new Map(last.map((message) => [keyOf(message), message]));
  now.forEach((message, place) => {
    const one = before.get(keyOf(message));
    if (one && one !== message && isEqual(one, message)) now[place] = one;
  });
  return areTheSame(now, last) ? last : [...now];
}

/** What names a message in its conversation. @param {Message} message */
function keyOf(message) {
  if (message.role === "assistant") return message.message_id;
  return `${message.role} ${message.role === "user" ? message.submission_id : message.tool_call_id}`;
}

/** The fold changes fields of what is in a view, and the lists in it, but nothing deeper. @param {any} now @param {any} last @returns {any} */
function part(now, last) {
  if (!Array.isArray(now)) return fieldsOf(now, last);
  const known = Array.isArray(last) ? last : [];
  const made = now.map((one, place) => {
    const copy = fieldsOf(one, known[place]);
    return copy === known[place] ? copy : (known.find((other) => fieldsOf(one, other) === other) ?? copy);
  });
  return areTheSame(made, last) ? last : made;
}

/** @param {any} now @param {any} last @returns {any} */
function fieldsOf(now, last) {
  if (now === null || typeof now !== "object") return now;
  if (last === null || typeof last !== "object") return { ...now };
  const names = Object.keys(now);
  return names.length === Object.keys(last).length && names.every((name) => now[name] === last[name]) ? last : { ...now };
}

/** @param {unknown[]} some @param {unknown} others */
const areTheSame = (some, others) =>
  Array.isArray(others) && some.length === others.length && some.every((one, place) => one === others[place]);

/** Whether two values of JSON say the same. @param {any} one @param {any} other @returns {boolean} */
function isEqual(one, other) {
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => name in other && isEqual(one[name], other[name]));
}
