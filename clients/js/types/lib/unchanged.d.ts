import type { View } from "../view.js";
/** @import { Message } from "../../protocol.d.ts" */
/** @import { View } from "../view.js" */
/** The newest such view of one session. */
export declare class Unchanged {
    #private;
    /** Whether the view may have changed since. */
    stale: boolean;
    /** @param {View} view */
    of(view: View): View;
}
/**
 * The view as it is now: `last` if nothing changed since that was made, else a new object with the parts of `last` that did not.
 * A message that was loaded anew keeps the object that it had, in the view too.
 * @param {View} view @param {View | null} last
 * @returns {View}
 */
export declare function unchanged(view: View, last: View | null): View;
