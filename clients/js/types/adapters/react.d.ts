import type { Options } from "../lib/options.js";
import type { Status } from "../lib/status.js";
import type { View } from "../view.js";
import { Session } from "../holdfast.js";
/**
 * A session that is open for as long as the component is there. Another server or session id gives another session, but for the id that a
 * new session got; the other options are those of the first render.
 * @param {Options} options @returns {Session}
 */
export declare function useSession(options: Options): Session;
/** What the session is; see `Session.unchangedView`. @param {Session} session @returns {View} */
export declare function useView(session: Session): View;
/** What its connection is. @param {Session} session @returns {Status} */
export declare function useStatus(session: Session): Status;
