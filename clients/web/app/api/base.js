// Base: the path below which the server is, where a proxy gives it a part of its host only; else empty.

const root = new URL(import.meta.url.slice(0, import.meta.url.lastIndexOf("static/"))); // this file is below static/, alone or in page.js

/** Goes before every path of the server, such as `/api/me`. */
export const base = root.protocol.startsWith("http") ? root.pathname.replace(/\/$/, "") : "";

/** The server's address. */
export const server = `${globalThis.location?.origin ?? ""}${base}`;
