export type Http = Pick<import("./environment.js").Environment, "fetch" | "setTimeout" | "clearTimeout" | "keys">;
export type Denial = {
    status: number;
    message: string;
    retryAfter_ms: number;
} | {
    why: string;
};
/**
 * Make a session; its id, or why there is none.
 * @param {string} server @param {Http} environment
 * @returns {Promise<string | Denial>}
 */
export declare function makeSession(server: string, environment: Http): Promise<string | Denial>;
/**
 * Get a ticket, which lets one websocket in as whoever `environment.fetch` speaks for; or why there is none.
 * @param {string} server @param {Http} environment
 * @returns {Promise<string | Denial>}
 */
export declare function makeTicket(server: string, environment: Http): Promise<string | Denial>;
/**
 * @param {string} server @param {string | null} sessionId @param {Http} environment
 * @returns {Promise<Denial>}
 */
export declare function whyDenied(server: string, sessionId: string | null, environment: Http): Promise<Denial>;
