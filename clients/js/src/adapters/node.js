// Node: the client for programs. A token goes along with HTTP, and each websocket gets a ticket for it.

/** @import { Options } from "../lib/options.js" */
import { makeTicket } from "../lib/denial.js";
import { browserEnvironment } from "../lib/environment.js";
import { Session } from "../holdfast.js";

export * from "../holdfast.js";

/**
 * @typedef {object} NodeOptions
 * @property {string | (() => string | Promise<string>)} [token] the server's token, or what gives it each time it is needed
 * @property {new (url: string, protocols?: string[]) => any} [WebSocket] needed before Node.js 22, which has its own: that of the package `ws`
 */

/**
 * Open a session and keep it open.
 * @param {Omit<Options, "environment" | "ticket"> & NodeOptions} options
 */
export function connect({ token, WebSocket = globalThis.WebSocket, ...options }) {
  if (!WebSocket) throw new TypeError("this Node.js has no WebSocket: pass one as `WebSocket`, such as that of the package ws, or use Node.js 22");
  const browser = browserEnvironment();
  const environment = {
    ...browser,
    WebSocket: /** @type {typeof globalThis.WebSocket} */ (WebSocket),
    /** @type {typeof fetch} */
    fetch: async (address, init) => {
      const given = typeof token === "function" ? await token() : token;
      return browser.fetch(address, given ? { ...init, headers: { ...init?.headers, authorization: `Bearer ${given}` } } : init);
    },
  };
  const server = options.server.replace(/\/$/, "");
  const session = new Session({ ...options, environment, ticket: () => makeTicket(server, environment) });
  session.open();
  return session;
}
