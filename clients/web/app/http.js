// The page: the HTTP routes beside the socket, as functions. Every fault becomes an `HttpError` with the server's own words.

/** What `GET /api/config` says, as far as the page uses it.
 * @typedef {object} Config
 * @property {string} version
 * @property {{ mode: string, token?: boolean }} auth
 * @property {string} [model]
 * @property {boolean} [demo]
 * @property {string} [model_reason]
 * @property {{ model: string, demo: boolean, context_limit: number }[]} [models]
 * @property {boolean} [allow_other_models]
 * @property {{ image_sources: string[] }} [page]
 */
/** @typedef {{ user_id: string, name?: string }} Me */
/**
 * @typedef {object} SessionInfo
 * @property {string} session_id
 * @property {string} title
 * @property {string} model
 * @property {string} created_at
 * @property {string} last_active_at
 * @property {boolean} is_processing
 * @property {unknown[]} pending_approval
 * @property {string} state
 * @property {number} message_count
 */
/** @typedef {{ path: string, size?: number, kind?: string }} FileEntry */

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
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), ...init });
  } catch (error) {
    throw new HttpError(0, "unreachable", "the server cannot be reached");
  }
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new HttpError(answer.status, body?.code ?? "", body?.message ?? `the server answered ${answer.status}`);
}

/** @param {string} path @param {unknown} body */
export function post(path, body) {
  return http(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** @param {string} id */
export const sessionPath = (id) => `/api/sessions/${encodeURIComponent(id)}`;

/** @param {string} id @param {string} path of a file in the session's workspace */
export const filePath = (id, path) => `${sessionPath(id)}/files/${path.split("/").map(encodeURIComponent).join("/")}`;

/**
 * Put a file into the session's workspace.
 * @param {string} id @param {File} file
 */
export async function upload(id, file) {
  const signal = AbortSignal.timeout(600_000);
  return http(filePath(id, file.name), { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: file, signal });
}

/**
 * All events of a session, in order.
 * @param {string} id @param {number} [after]
 * @returns {AsyncGenerator<import("../../../docs/protocol.d.ts").Event>}
 */
export async function* journal(id, after = 0) {
  for (let more = true; more; ) {
    const page = await http(`${sessionPath(id)}/events?after=${after}&limit=1000`);
    yield* page.events;
    more = page.more;
    after = page.next_after;
  }
}
