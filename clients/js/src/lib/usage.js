// Usage: adds the tokens and the cost of model calls and tool calls to a session's totals. Pure.

/** @import * as Wire from "../../protocol.d.ts" */

/** @param {Wire.Usage} total @param {Wire.UsageEvent} event */
export function addUsage(total, event) {
  total.input_tokens += event.input_tokens;
  total.output_tokens += event.output_tokens;
  total.cached_tokens += event.cached_tokens;
  addCost(total, event.cost_usd);
  if (event.tool_call_id !== undefined) return;
  total.context_tokens = event.context_tokens;
  total.context_limit = event.context_limit;
}

/** @param {Wire.Usage} total @param {number | null} cost */
export function addCost(total, cost) {
  total.cost_usd = total.cost_usd === null || cost === null ? null : total.cost_usd + cost;
}
