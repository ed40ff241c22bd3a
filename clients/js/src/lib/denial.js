// Denials: gets over HTTP what a websocket needs, and why an upgrade was refused, which a browser's WebSocket does not say.

import { keyHeaders } from "./keys.js";

/** @typedef {Pick<import("./environment.js").Environment, "fetch" | "setTimeout" | "clearTimeout" | "keys">} Http */
/** @typedef {{ status: number, message: string, retryAfter_ms: number } | { why: string }} Denial */

const ASK_MS = 10_000;
const UNREACHABLE = "the server cannot be reached";
/** The server answers, but the websocket did not open. */
const NO_SOCKET = "the websocket did not open; if it never does, a proxy in between must pass the headers Upgrade and Connection on";

/**
 * @param {string} server @param {string} path @param {RequestInit} init @param {Http} environment
 * @returns {Promise<{ body: any } | Denial>}
 */
async function ask(server, path, init, { fetch, setTimeout, clearTimeout, keys }) {
  const given = new AbortController();
  const timer = setTimeout(() => given.abort(), ASK_MS);
  try {
    const answer = await fetch(server + path, { ...init, headers: keyHeaders(keys(server)), signal: given.signal, cache: "no-store" });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return { body };
    const retryAfter_ms = 1000 * (Number(answer.headers.get("retry-after")) || 0);
    return { status: answer.status, message: String(body.message ?? answer.statusText), retryAfter_ms };
  } catch {
    return { why: UNREACHABLE };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Make a session; its id, or why there is none.
 * @param {string} server @param {Http} environment
 * @returns {Promise<string | Denial>}
 */
export async function makeSession(server, environment) {
  const answer = await ask(server, "/api/sessions", { method: "POST" }, environment);
  if (!("body" in answer)) return answer;
  const sessionId = answer.body?.session_id;
  return typeof sessionId === "string" ? sessionId : { why: "the server did not name the session it made" };
}

/**
 * Get a ticket, which lets one websocket in as whoever `environment.fetch` speaks for; or why there is none.
 * @param {string} server @param {Http} environment
 * @returns {Promise<string | Denial>}
 */
export async function makeTicket(server, environment) {
  const answer = await ask(server, "/api/tickets", { method: "POST" }, environment);
  if (!("body" in answer)) return answer;
  const ticket = answer.body?.ticket;
  return typeof ticket === "string" ? ticket : { why: "the server gave no ticket" };
}

/**
 * @param {string} server @param {string | null} sessionId @param {Http} environment
 * @returns {Promise<Denial>}
 */
export async function whyDenied(server, sessionId, environment) {
  const path = sessionId === null ? "/api/me" : `/api/sessions/${encodeURIComponent(sessionId)}`;
  const answer = await ask(server, path, {}, environment);
  return "body" in answer ? { why: NO_SOCKET } : answer;
}
