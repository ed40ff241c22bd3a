import type * as Wire from "../protocol.d.ts";
export type View = {
    seq: number;
    state: Wire.Snapshot["state"];
    model: string;
    reasoning_effort: Wire.Snapshot["reasoning_effort"];
    title: string;
    turn_id: string | null;
    messages: Wire.Message[];
    open_message: Wire.OpenMessage | null;
    open_calls: Wire.OpenCall[];
    pending_approval: Wire.PendingTool[];
    queued: Wire.QueuedInput[];
    plan: Wire.PlanItem[];
    usage: Wire.Usage;
    shares: Wire.ShareLink[];
    grants: string[];
    guest_grants: Record<string, string>;
    notes_digest: string;
    snapshots: Wire.WorkspaceSnapshot[];
    questions: Wire.Question[];
    denials: string[];
    mode: string;
};
/** @returns {View} the view before the first event */
export declare function emptyView(): View;
/**
 * The view a snapshot stands for. What an older server leaves out is as in an empty view.
 * @param {Wire.Snapshot} snapshot
 * @returns {View}
 */
export declare function fromSnapshot(snapshot: Wire.Snapshot): View;
/**
 * Fold one event into the view. An event the view has already seen changes nothing; one it does not know moves `seq`.
 * @param {View} view
 * @param {Wire.Event} event
 */
export declare function apply(view: View, event: Wire.Event): void;
/** @param {View} view @param {string} id @returns {Wire.OpenCall | undefined} */
export declare function openCall(view: View, id: string): Wire.OpenCall | undefined;
