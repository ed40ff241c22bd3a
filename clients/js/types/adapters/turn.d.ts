import type { UIMessageChunk } from "ai";
import type { Said } from "./said.js";
import type { View } from "../view.js";
export type Ending = {
    type: "error";
    errorText: string;
} | {
    type: "abort";
    reason: string;
};
/** How the turn ended, as an event said, which the view does not keep. @typedef {{ type: "error", errorText: string } | { type: "abort", reason: string }} Ending */
export declare class Turn {
    #private;
    /**
     * @param {string} submissionId of the user's message
     * @param {{ answered?: string[] }} [more] `answered`: calls to which the answers are on their way; the stream then goes on with an answer that was begun
     */
    constructor(submissionId: string, { answered }?: {
        answered?: string[];
    });
    /**
     * What is new since the last time. `over`: nothing comes any more in this stream; the turn may wait for approvals.
     * @param {View} view @param {readonly Said[]} said the conversation in this view @param {Ending | null} ending
     * @returns {{ chunks: UIMessageChunk[], over: boolean }}
     */
    next(view: View, said: readonly Said[], ending: Ending | null): {
        chunks: UIMessageChunk[];
        over: boolean;
    };
}
