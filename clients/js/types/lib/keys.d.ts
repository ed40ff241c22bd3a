export type KeyKind = "login" | "guest";
export type Keys = Partial<Record<KeyKind, string>>;
/** What this tab has for a server. @param {string} server its address @returns {Keys} */
export declare function loadKeys(server: string): Keys;
/** Keep these keys in place of what this tab has for a server. @param {Keys} keys none: it was logged out @param {string} server its address */
export declare function storeKeys(keys: Keys, server: string): void;
/**
 * Keep the key that came with a cookie, in place of an earlier one.
 * @param {KeyKind} kind @param {string | undefined} key none: the cookie needs none @param {string} server its address
 */
export declare function keepKey(kind: KeyKind, key: string | undefined, server: string): void;
/** The keys for a server; none for one of another origin. @param {string} server its address @returns {string[]} */
export declare function keysFor(server: string): string[];
/** @param {string[]} keys @returns {Record<string, string>} */
export declare const keyHeaders: (keys: string[]) => Record<string, string>;
/** @param {string} ticket */
export declare const ticketSubprotocol: (ticket: string) => string;
/** @param {string[]} keys */
export declare const keySubprotocols: (keys: string[]) => string[];
