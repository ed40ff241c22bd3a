// Outside, why an upgrade was refused: a browser's WebSocket does not say, so the same is asked for over HTTP.

const ASK_MS = 5_000;

/**
 * @param {string} server @param {string | null} sessionId
 * @param {Pick<import("./world.js").World, "fetch" | "setTimeout" | "clearTimeout">} world
 * @returns {Promise<{ status: number, message: string, retryAfter_ms: number } | { why: string }>}
 */
export async function whyDenied(server, sessionId, world) {
  const path = sessionId === null ? "/api/me" : `/api/sessions/${encodeURIComponent(sessionId)}`;
  const given = new AbortController();
  const timer = world.setTimeout(() => given.abort(), ASK_MS);
  try {
    const answer = await world.fetch(server + path, { signal: given.signal, cache: "no-store" });
    if (answer.ok) return { why: sessionId === null ? "the server did not take a new session" : "the server did not take the connection" };
    const body = await answer.json().catch(() => ({}));
    const retryAfter_ms = 1000 * (Number(answer.headers.get("retry-after")) || 0);
    return { status: answer.status, message: String(body.message ?? answer.statusText), retryAfter_ms };
  } catch {
    return { why: "the server cannot be reached" };
  } finally {
    world.clearTimeout(timer);
  }
}
