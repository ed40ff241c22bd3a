/**
 * `owner[field]` becomes what it was up to `offset` code points, then `text`.
 * @template {string} F
 * @param {Record<F, string>} owner @param {F} field @param {number} offset @param {string} text
 */
export declare function setFrom<F extends string>(owner: Record<F, string>, field: F, offset: number, text: string): void;
