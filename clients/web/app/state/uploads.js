// Uploads: files on their way into the workspace: their progress, failures, and which a message has not mentioned yet.

/** @import { Signal } from "@preact/signals" */
import { signal } from "@preact/signals";
import { messageOf, numbered, size } from "../text/format.js";
import { deleteFile, HttpError, put } from "../api/http.js";
import { announced } from "./store.js";

/**
 * `sent`: the part that is there, from 0 to 1. `fault`: why it is not. `taken`: the name that it was to have, which another
 * file has; empty: it has its own.
 * @typedef {{ id: number, name: string, taken: string, file: File, bytes: number, sent: number, state: "sending" | "there" | "failed", fault: string }} Upload
 */

/** Files that may be added at once. */
const AT_ONCE = 20;
/** Names that are tried for one file. */
const NAMES_MAX = 50;
/** What a drop calls a file, and is a folder. @type {WeakSet<File>} */
const folders = new WeakSet();

export class Uploads {
  /** @type {Signal<Upload[]>} */
  list = signal(/** @type {Upload[]} */ ([]));
  /** @type {Map<number, AbortController>} */
  #running = new Map();
  #count = 0;

  get sending() {
    return this.list.value.some(({ state }) => state === "sending");
  }

  /** Whether there are files that a message would name. */
  get there() {
    return this.list.value.some(({ state }) => state === "there");
  }

  /** How many were not taken. */
  get failed() {
    return this.list.value.filter(({ state }) => state === "failed").length;
  }

  /**
   * Send them one after the other.
   * @param {File[]} files @param {number} most bytes of one file @param {() => Promise<string>} session gives its id
   */
  async add(files, most, session) {
    const taken = files.slice(0, AT_ONCE).map((file) => ({ file, upload: this.#begin(file, most) }));
    for (const file of files.slice(AT_ONCE)) this.#begin(file, most, `at most ${AT_ONCE} files are added at once`);
    for (const { file, upload } of taken) if (upload.state === "sending") await this.#send(upload.id, file, session);
  }

  /** @param {File} file @param {number} most @param {string} [refused] */
  #begin(file, most, refused = "") {
    const folder = folders.has(file) ? "it is a folder: add the files that are in it" : "";
    const fault = refused || folder || (most && file.size > most ? `it has ${size(file.size)}, the server takes ${size(most)}` : "");
    /** @type {Upload} */
    const upload = { id: ++this.#count, name: file.name, taken: "", file, bytes: file.size, sent: 0, state: fault ? "failed" : "sending", fault };
    this.list.value = [...this.list.value.filter((one) => one.name !== file.name || one.state !== "failed"), upload];
    return upload;
  }

  /** @param {number} id @param {File} file @param {() => Promise<string>} session */
  async #send(id, file, session) {
    if (!this.list.value.some((one) => one.id === id)) return; // taken away while it waited
    const given = new AbortController();
    this.#running.set(id, given);
    try {
      const name = await this.#put(await session(), id, file, given.signal);
      this.#change(id, { sent: 1, state: "there" });
      announced.value = `${name} is in the workspace`;
    } catch (error) {
      this.#change(id, { state: "failed", fault: messageOf(error) });
      announced.value = `${file.name} was not taken: ${messageOf(error)}`;
    } finally {
      this.#running.delete(id);
    }
  }

  /** Put it under the first name that no file has; gives that. @param {string} session @param {number} id @param {File} file @param {AbortSignal} signal */
  async #put(session, id, file, signal) {
    for (let number = 1; ; number += 1) {
      const name = numbered(file.name, number);
      if (number > 1) this.#change(id, { name, taken: file.name });
      try {
        await put(session, name, file, (sent) => this.#change(id, { sent }), signal, { fresh: true });
        return name;
      } catch (error) {
        if (!(error instanceof HttpError && error.status === 412) || number === NAMES_MAX) throw error;
      }
    }
  }

  /** Put it in the place of the file whose name it was to have. @param {number} id @param {string} session */
  async replace(id, session) {
    const upload = this.list.value.find((one) => one.id === id);
    if (!upload?.taken) return;
    this.#change(id, { state: "sending", sent: 0, name: upload.taken, taken: "" });
    const given = new AbortController();
    this.#running.set(id, given);
    try {
      await put(session, upload.taken, upload.file, (sent) => this.#change(id, { sent }), given.signal);
      this.#change(id, { sent: 1, state: "there" });
      await deleteFile(session, upload.name);
    } catch (error) {
      this.#change(id, { state: "failed", fault: messageOf(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  /** @param {number} id @param {Partial<Upload>} change */
  #change(id, change) {
    this.list.value = this.list.value.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  /** Stop it, or speak of it no more; what is in the workspace stays there. @param {number} id */
  drop(id) {
    this.#running.get(id)?.abort();
    this.list.value = this.list.value.filter((one) => one.id !== id);
  }

  /** Those that are there. They are spoken of now, and neither they nor what failed is shown any more. */
  take() {
    const there = this.list.value.filter(({ state }) => state === "there");
    this.list.value = this.list.value.filter(({ state }) => state === "sending");
    return there;
  }
}

/** What a model can be shown. */
const IMAGES = ["image/png", "image/jpeg", "image/webp"];
/** Images that a message takes. */
const IMAGES_MAX = 8;

/** Whether a model can be shown this. @param {Upload} upload */
export const isImage = ({ file }) => IMAGES.includes(file.type);

/** The images among them, as a message has them. @param {Upload[]} uploads */
export const imagesOf = (uploads) => uploads.filter(isImage).slice(0, IMAGES_MAX).map(({ name }) => ({ path: name }));

/** What is said of files that came with a message. @param {string} text @param {string[]} names */
export function withFileNames(text, names) {
  if (!names.length) return text;
  return `${text.trimEnd()}\n\n(In the workspace: ${names.map((name) => `\`${name.replaceAll("`", "'")}\``).join(", ")})`.trimStart();
}

/** Files of a drop or a paste: those of the clipboard all have one name, and get one of their own. @param {DataTransfer | null} from @param {Date} now */
export function filesOf(from, now) {
  const files = [...(from?.files ?? [])];
  const items = [...(from?.items ?? [])].filter(({ kind }) => kind === "file");
  files.forEach((file, at) => items[at]?.webkitGetAsEntry?.()?.isDirectory && folders.add(file));
  const stamp = stampOf(now);
  return files.map((file, at) => (/^image\.\w+$/.test(file.name) ? new File([file], file.name.replace("image", `pasted-${stamp}${at || ""}`), { type: file.type }) : file));
}

/** @param {Date} now */
const stampOf = (now) => now.toISOString().slice(0, 19).replace(/\D/g, "");

/** A text as a file. @param {string} text @param {Date} now */
export const textFile = (text, now) => new File([text], `pasted-${stampOf(now)}.txt`, { type: "text/plain" });
