import type { Options } from "../lib/options.js";
import { Session } from "../holdfast.js";
export * from "../holdfast.js";
export type NodeOptions = {
    /**
     * the server's token, or what gives it each time it is needed
     */
    token?: string | (() => string | Promise<string>);
    /**
     * needed before Node.js 22, which has its own: that of the package `ws`
     */
    WebSocket?: new (url: string, protocols?: string[]) => any;
};
/**
 * @typedef {object} NodeOptions
 * @property {string | (() => string | Promise<string>)} [token] the server's token, or what gives it each time it is needed
 * @property {new (url: string, protocols?: string[]) => any} [WebSocket] needed before Node.js 22, which has its own: that of the package `ws`
 */
/**
 * Open a session and keep it open.
 * @param {Omit<Options, "environment" | "ticket"> & NodeOptions} options
 */
export declare function connect({ token, WebSocket, ...options }: Omit<Options, "environment" | "ticket"> & NodeOptions): Session;
