// Options: what a session is begun with.

/** @import { Submission } from "../../protocol.d.ts" */
/** @import { View } from "../view.js" */
/** @import { Position } from "./core.js" */
/** @import { Denial } from "./denial.js" */
/** @import { Environment } from "./environment.js" */
/** @import { Backoff } from "./reconnect.js" */

/**
 * @typedef {object} Options
 * @property {string} server its address, such as `https://example.org` or `https://example.org/agent`
 * @property {string | null} [sessionId] null makes a new session
 * @property {Position | null} [position] where `view` stands; `{epoch: "", seq: 0}` asks for the whole journal
 * @property {View} [view]
 * @property {Submission[]} [unsettled] submissions of an earlier life of this client, with their ids
 * @property {Backoff} [backoff]
 * @property {() => number} [random]
 * @property {Environment} [environment]
 * @property {() => Promise<string | Denial>} [ticket] asked before each websocket for a ticket (`POST /api/tickets`), where a websocket has
 *   no credentials of its own. If it throws, it is asked again later
 */

export {};
