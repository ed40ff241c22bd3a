// Past: the notes of what came to pass before the page was opened, read from the journal.

/** @import * as Wire from "../../../js/protocol.d.ts" */
/** @import { View } from "../../../js/src/view.js" */
/** @import { Note } from "./notes.js" */
import { journal } from "../api/http.js";
import { noteOf } from "./notes.js";

/** They are read from so many of the newest events. */
const NOTED_EVENTS = 1_000;

/**
 * The notes that stand behind messages of the view; null: they could not be read, and the conversation is whole without them.
 * @param {string} id of the session @param {View} view @param {(event: Wire.Event) => void} remember is given each event
 * @returns {Promise<Note[] | null>}
 */
export async function notesOfThePast(id, view, remember) {
  /** @type {Note[]} */
  const found = [];
  /** @type {string | null} */
  let after = null;
  const known = new Set(view.messages.map((message) => (message.role === "assistant" ? message.message_id : message.role === "user" ? `input-${message.submission_id}` : "")));
  try {
    for await (const event of journal(id, Math.max(0, view.seq - NOTED_EVENTS))) {
      if (event.seq > view.seq) break;
      remember(event);
      if (event.type === "assistant_message") after = event.message_id;
      if (event.type === "processing" || event.type === "input_joined") after = `input-${event.submission_id}`;
      const note = noteOf(event, after);
      if (note && after !== null && known.has(after)) found.push(note);
    }
  } catch {
    return null;
  }
  return found;
}
