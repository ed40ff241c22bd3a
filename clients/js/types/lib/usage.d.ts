import type * as Wire from "../../protocol.d.ts";
/** @import * as Wire from "../../protocol.d.ts" */
/** @param {Wire.Usage} total @param {Wire.UsageEvent} event */
export declare function addUsage(total: Wire.Usage, event: Wire.UsageEvent): void;
/** @param {Wire.Usage} total @param {number | null} cost */
export declare function addCost(total: Wire.Usage, cost: number | null): void;
