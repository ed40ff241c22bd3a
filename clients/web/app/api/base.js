// Base: the path below which the server is, where a proxy gives it a part of its host only; else empty.

const root = new URL("../../../", import.meta.url); // this file is in static/app/api/

/** Goes before every path of the server, such as `/api/me`. */
export const base = root.protocol.startsWith("http") ? root.pathname.replace(/\/$/, "") : "";

/** The server's address. */
export const server = `${globalThis.location?.origin ?? ""}${base}`;
