// Storage: keeps unanswered submissions and drafts in the browser over a reload.

/** @import { Submission } from "../../../js/protocol.d.ts" */
import { base } from "../api/base.js";

/** What may be sent again much later, and still means the same: it names what it is about, or is simply said. */
const KEPT = new Set(["user_input", "edit", "exec_approval"]);

/** Servers that share an origin, each below a path of its own, have sessions to begin of their own. @param {string | null} sessionId */
const nameOf = (sessionId) => sessionId ?? `new${base}`;
/** @param {string | null} sessionId */
const unsettledKey = (sessionId) => `holdfast.unsettled.${nameOf(sessionId)}`;
/** @param {string | null} sessionId */
const draftKey = (sessionId) => `holdfast.draft.${nameOf(sessionId)}`;

/** Of this tab, or of all. @typedef {"sessionStorage" | "localStorage"} Area */

/**
 * @template T
 * @param {Area} area @param {string} key @param {T} none
 * @returns {T}
 */
export function load(area, key, none) {
  try {
    return JSON.parse(globalThis[area].getItem(key) ?? "null") ?? none;
  } catch {
    return none; // not ours, or of another version, or of a browser that keeps nothing: as if there were nothing
  }
}

/**
 * False if the browser has no room, or keeps nothing.
 * @param {Area} area @param {string} key @param {unknown} value null: nothing is kept
 */
export function store(area, key, value) {
  try {
    if (value === null) globalThis[area].removeItem(key);
    else globalThis[area].setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Submissions of one session that have no answer yet, of every tab: sent twice they are done once. */
export class Unsettled {
  /** @type {Set<string>} */
  #mine = new Set();

  /** @param {string | null} sessionId @returns {(Submission & { id: string })[]} */
  load(sessionId) {
    const found = load(this.#area(sessionId), unsettledKey(sessionId), /** @type {any[]} */ ([]));
    const sound = (Array.isArray(found) ? found : []).filter((one) => KEPT.has(one?.type) && typeof one.id === "string");
    for (const one of sound) this.#mine.add(one.id);
    return sound.slice(0, 50);
  }

  /**
   * Write down what this client has now; what other tabs wrote stays. False if there was no room.
   * @param {string | null} sessionId @param {Submission[]} submissions
   */
  save(sessionId, submissions) {
    const now = submissions.filter((one) => KEPT.has(one.type));
    if (!now.length && !this.#mine.size) return true;
    const area = this.#area(sessionId);
    const others = load(area, unsettledKey(sessionId), /** @type {Submission[]} */ ([]));
    const kept = [...others.filter((one) => !this.#mine.has(String(one.id))), ...now];
    this.#mine = new Set(now.map((one) => String(one.id)));
    return store(area, unsettledKey(sessionId), kept.length ? kept : null);
  }

  /** A session that is not there yet is this tab's alone. @param {string | null} sessionId @returns {Area} */
  #area(sessionId) {
    return sessionId === null ? "sessionStorage" : "localStorage";
  }
}

/** @type {Area[]} */
const AREAS = ["sessionStorage", "localStorage"];
/** The beginning of a new session is this tab's; of others, what any tab wrote last. @param {string | null} sessionId */
const draftsOf = (sessionId) => (sessionId === null ? AREAS.slice(0, 1) : AREAS);

/** @param {string | null} sessionId @returns {string} */
export function loadDraft(sessionId) {
  const found = draftsOf(sessionId).map((area) => load(area, draftKey(sessionId), ""));
  return String(found.find(Boolean) ?? "");
}

/** @param {string | null} sessionId @param {string} text */
export function saveDraft(sessionId, text) {
  for (const area of draftsOf(sessionId)) store(area, draftKey(sessionId), text || null);
}

/** @param {Area} area */
function keysIn(area) {
  try {
    return Object.keys(globalThis[area]);
  } catch {
    return []; // the browser keeps nothing
  }
}

/** Whoever logs out leaves no draft and no unanswered submission behind; other open tabs keep theirs for new sessions. */
export function forgetAll() {
  for (const area of AREAS) {
    for (const key of keysIn(area)) if (/^holdfast\.(draft|unsettled)\./.test(key)) store(area, key, null);
  }
}

/** Nothing is kept of a session that is gone. @param {string} sessionId */
export function forget(sessionId) {
  for (const area of AREAS) {
    store(area, draftKey(sessionId), null);
    store(area, unsettledKey(sessionId), null);
  }
}
