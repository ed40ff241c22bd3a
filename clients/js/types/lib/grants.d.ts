export type Granted = {
    grants: string[];
    guest_grants: Record<string, string>;
    denials: string[];
};
/** @typedef {{ grants: string[], guest_grants: Record<string, string>, denials: string[] }} Granted */
/** Add a grant. It is a guest's until the owner gives it too. @param {Granted} view @param {string} grant @param {string} [shareId] */
export declare function addGrant(view: Granted, grant: string, shareId?: string): void;
/** Refuse it from now on. @param {Granted} view @param {string} grant */
export declare function addDenial(view: Granted, grant: string): void;
/** Neither allow nor refuse it any more. @param {Granted} view @param {string} grant */
export declare function removeGrant(view: Granted, grant: string): void;
