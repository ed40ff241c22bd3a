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

/**
 * @template T
 * @param {Storage} storage @param {string} key @param {T} none
 * @returns {T}
 */
function load(storage, key, none) {
  try {
    return JSON.parse(storage.getItem(key) ?? "null") ?? none;
  } catch {
    return none; // not ours, or of another version: as if there were nothing
  }
}

/**
 * False if the browser has no room.
 * @param {Storage} storage @param {string} key @param {unknown} value null: nothing is kept
 */
function store(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
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
    const found = load(this.#storage(sessionId), unsettledKey(sessionId), /** @type {any[]} */ ([]));
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
    const storage = this.#storage(sessionId);
    const others = load(storage, unsettledKey(sessionId), /** @type {Submission[]} */ ([]));
    const kept = [...others.filter((one) => !this.#mine.has(String(one.id))), ...now];
    this.#mine = new Set(now.map((one) => String(one.id)));
    return store(storage, unsettledKey(sessionId), kept.length ? kept : null);
  }

  /** A session that is not there yet is this tab's alone. @param {string | null} sessionId */
  #storage(sessionId) {
    return sessionId === null ? sessionStorage : localStorage;
  }
}

/** The beginning of a new session is this tab's; of others, what any tab wrote last. @param {string | null} sessionId */
const draftsOf = (sessionId) => (sessionId === null ? [sessionStorage] : [sessionStorage, localStorage]);

/** @param {string | null} sessionId @returns {string} */
export function loadDraft(sessionId) {
  const found = draftsOf(sessionId).map((storage) => load(storage, draftKey(sessionId), ""));
  return String(found.find(Boolean) ?? "");
}

/** @param {string | null} sessionId @param {string} text */
export function saveDraft(sessionId, text) {
  for (const storage of draftsOf(sessionId)) store(storage, draftKey(sessionId), text || null);
}

/** Whoever logs out leaves no draft and no unanswered submission behind; other open tabs keep theirs for new sessions. */
export function forgetAll() {
  for (const storage of [sessionStorage, localStorage]) {
    for (const key of Object.keys(storage)) if (/^holdfast\.(draft|unsettled)\./.test(key)) storage.removeItem(key);
  }
}

/** Nothing is kept of a session that is gone. @param {string} sessionId */
export function forget(sessionId) {
  for (const storage of [sessionStorage, localStorage]) {
    store(storage, draftKey(sessionId), null);
    store(storage, unsettledKey(sessionId), null);
  }
}
