// HTTP: the server's routes as functions. Every failure becomes an `HttpError` with the server's message.

import { keyHeaders, keysFor } from "../../../js/src/lib/keys.js";
import { base, server } from "./base.js";

/** What `GET /api/config` says, as far as the page uses it.
 * @typedef {object} Config
 * @property {string} version
 * @property {{ mode: string, token?: boolean }} auth
 * @property {string} [model]
 * @property {boolean} [demo]
 * @property {string} [model_reason]
 * @property {ModelOffered[]} [models]
 * @property {boolean} [allow_other_models]
 * @property {string[]} [modes] of sessions: what `set_mode` takes
 * @property {{ image_sources: string[] }} [page]
 * @property {import("../../../js/protocol.d.ts").Limits} [limits]
 * @property {Sandbox} [sandbox] where commands run, and if they do not, why
 * @property {McpServer[]} [mcp]
 * @property {Me} [user] who asked
 */
/**
 * Prices in US dollars for a million tokens; null where they are not known. `images`: whether it sees them; null: that is not known.
 * @typedef {{ model: string, demo: boolean, context_limit: number, label?: string, input_usd?: number | null, output_usd?: number | null, images?: boolean | null }} ModelOffered
 */
/** `says`: what it is; `reason`: why there is no shell. @typedef {{ kind: string, says: string, shell: boolean, network: boolean, reason: string }} Sandbox */
/** `reason` is empty where all is well. @typedef {{ name: string, state: string, reason: string, tools: number }} McpServer */
/** @typedef {{ user_id: string, name?: string, rights?: string[] }} Me */
/**
 * @typedef {object} SessionInfo
 * @property {string} session_id
 * @property {string} title
 * @property {string} model
 * @property {string} created_at
 * @property {string} last_active_at
 * @property {boolean} is_processing
 * @property {unknown[]} pending_approval
 * @property {{ question_id: string, asker: string, message: string }[]} [questions] that are open; `message` is the beginning
 * @property {string} state
 * @property {number} message_count
 * @property {{ message: string, snippet: string[] }} [found] of a search: the row where it was said, and text, found, text, found, ...
 * @property {{ session_id: string, seq: number, branch: boolean }} [forked_from]
 * @property {"pinned" | "archived"} [listed] before all others, or apart from them
 */
/** `modified`: Unix time in seconds. @typedef {{ path: string, size?: number, kind?: string, modified?: number }} FileEntry */

export class HttpError extends Error {
  /** @param {number} status 0: the server was not reached @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.name = "HttpError";
    this.status = status;
    this.code = code;
  }
}

const PATIENCE_MS = 15_000;

/**
 * @param {string} path @param {RequestInit} [init]
 * @returns {Promise<any>} the JSON of the answer
 */
export async function http(path, init = {}) {
  return contentOf(await request(path, init));
}

/** @param {string} path @param {RequestInit} init */
async function request(path, init) {
  try {
    const headers = { ...init.headers, ...keyHeaders(keysFor(server)) };
    return await fetch(base + path, { signal: AbortSignal.timeout(PATIENCE_MS), ...init, headers });
  } catch (error) {
    throw new HttpError(0, "unreachable", "the server cannot be reached");
  }
}

/** @param {Response} answer @returns {Promise<any>} */
async function contentOf(answer) {
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new HttpError(answer.status, body?.code ?? "", body?.message ?? `the server answered ${answer.status}`);
}

/** What each path was answered last, as the server names it, and the number of that request. @type {Map<string, { named: string | null, number: number }>} */
const versions = new Map();
let requests = 0;

/** As `http`, or null where the answer would be the same as the last time, or is older than that. @param {string} path */
export async function ifChanged(path) {
  const number = ++requests;
  const named = versions.get(path)?.named;
  const answer = await request(path, named ? { headers: { "if-none-match": named } } : {});
  if (answer.status === 304) return null;
  const body = await contentOf(answer);
  if (number < (versions.get(path)?.number ?? 0)) return null;
  versions.set(path, { named: answer.headers.get("etag"), number });
  return body;
}

/** @param {string} path @param {unknown} body */
export function post(path, body) {
  return http(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** @param {string} path @param {unknown} body */
export function putJson(path, body) {
  return http(path, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** @param {string} path @param {unknown} body */
export function patchJson(path, body) {
  return http(path, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** @param {string} id */
export const sessionPath = (id) => `/api/sessions/${encodeURIComponent(id)}`;

/** @param {string} id @param {string} path of a file in the session's workspace */
export const filePath = (id, path) => `${sessionPath(id)}/files/${path.split("/").map(encodeURIComponent).join("/")}`;

/**
 * Put a file into the session's workspace. `fetch` does not tell how far a body has got; this does.
 * @param {string} id @param {string} name @param {Blob} file @param {(part: number) => void} progress @param {AbortSignal} signal
 * @param {{ fresh?: boolean }} [how] `fresh`: no file is replaced; one of that name is a refusal with 412
 * @returns {Promise<void>} throws `HttpError`
 */
export function put(id, name, file, progress, signal, { fresh = false } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (/** @type {string} */ code, /** @type {string} */ message, status = 0) => reject(new HttpError(status, code, message));
    request.open("PUT", base + filePath(id, name));
    const headers = { "content-type": "application/octet-stream", ...(fresh && { "if-none-match": "*" }), ...keyHeaders(keysFor(server)) };
    for (const [header, value] of Object.entries(headers)) request.setRequestHeader(header, value);
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onerror = () => fail("unreachable", "the connection was lost: add it again");
    request.onabort = () => fail("cancelled", "it was stopped");
    request.onload = () => {
      if (request.status < 300) return resolve();
      const body = parsed(request.responseText);
      fail(body?.code ?? "", body?.message ?? `the server answered ${request.status}`, request.status);
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** @param {string} text @returns {any} null if it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Delete a file of a session's workspace. @param {string} id @param {string} path */
export const deleteFile = (id, path) => http(filePath(id, path), { method: "DELETE" });

/** The text of a file of a session's workspace. Throws `HttpError`. @param {string} id @param {string} path */
export async function fileText(id, path) {
  const answer = await request(filePath(id, path), {});
  return answer.ok ? answer.text() : contentOf(answer);
}

/** The bytes of a file of a session's workspace. Throws `HttpError`. @param {string} id @param {string} path @returns {Promise<ArrayBuffer>} */
export async function fileBytes(id, path) {
  const answer = await request(filePath(id, path), {});
  return answer.ok ? answer.arrayBuffer() : contentOf(answer);
}

/** What is in a session's workspace. @param {string} id @returns {Promise<{ files: FileEntry[], more: boolean }>} */
export const filesIn = (id) => http(`${sessionPath(id)}/files`);

/**
 * All events of a session, in order.
 * @param {string} id @param {number} [after]
 * @returns {AsyncGenerator<import("../../../js/protocol.d.ts").Event>}
 */
export async function* journal(id, after = 0) {
  for (let more = true; more; ) {
    const page = await http(`${sessionPath(id)}/events?after=${after}&limit=1000`);
    yield* page.events;
    more = page.more;
    after = page.next_after;
  }
}
