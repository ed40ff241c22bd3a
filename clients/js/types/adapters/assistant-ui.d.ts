import type { Session } from "../holdfast.js";
/** The runtime of a session, for `AssistantRuntimeProvider`. @param {Session} session */
export declare function useHoldfastRuntime(session: Session): import("@assistant-ui/react").AssistantRuntime;
