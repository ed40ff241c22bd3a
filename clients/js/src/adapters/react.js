// React: hooks that open a session for as long as a component is there, and render again when its view or its connection changes.

/** @import { Options } from "../lib/options.js" */
/** @import { Status } from "../lib/status.js" */
/** @import { View } from "../view.js" */
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { Session } from "../holdfast.js";

/**
 * A session that is open for as long as the component is there. Another server or session id gives another session, but for the id that a
 * new session got; the other options are those of the first render.
 * @param {Options} options @returns {Session}
 */
export function useSession(options) {
  const { server, sessionId = null } = options;
  const [held, setHeld] = useState(() => ({ server, session: new Session(options) }));
  let { session } = held;
  if (held.server !== server || (sessionId !== null && session.sessionId !== null && session.sessionId !== sessionId)) {
    session = new Session(options);
    setHeld({ server, session });
  }
  useEffect(() => {
    session.open();
    return () => session.close();
  }, [session]);
  return session;
}

/** What the session is; see `Session.unchangedView`. @param {Session} session @returns {View} */
export function useView(session) {
  return useTold(session, () => session.unchangedView);
}

/** What its connection is. @param {Session} session @returns {Status} */
export function useStatus(session) {
  return useTold(session, () => session.status);
}

/** @template T @param {Session} session @param {() => T} get @returns {T} */
function useTold(session, get) {
  return useSyncExternalStore(useCallback((/** @type {() => void} */ changed) => session.listen(changed), [session]), get, get);
}
