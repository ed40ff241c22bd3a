import type * as Wire from "../../protocol.d.ts";
import type { View } from "../view.js";
export type Called = {
    id: string;
    tool: string;
    /**
     * as it ran, where a user edited them
     */
    arguments: Wire.ToolCall["arguments"];
    pending: Wire.PendingTool | null;
    open: Wire.OpenCall | null;
    result: Wire.ToolMessage | null;
};
export type Step = {
    message: Wire.AssistantMessage | Wire.OpenMessage;
    open: boolean;
    calls: Called[];
};
export type Question = {
    role: "user";
    id: string;
    message: Wire.UserMessage;
};
export type Answer = {
    role: "assistant";
    id: string;
    asked: Wire.UserMessage | null;
    steps: Step[];
    running: boolean;
};
export type Said = Question | Answer;
/** @import * as Wire from "../../protocol.d.ts" */
/** @import { View } from "../view.js" */
/**
 * A call of a step. It waits for an answer if it has `pending`, is over if it has `result`.
 * @typedef {object} Called
 * @property {string} id
 * @property {string} tool
 * @property {Wire.ToolCall["arguments"]} arguments as it ran, where a user edited them
 * @property {Wire.PendingTool | null} pending
 * @property {Wire.OpenCall | null} open
 * @property {Wire.ToolMessage | null} result
 */
/** One message of the model with its calls. @typedef {{ message: Wire.AssistantMessage | Wire.OpenMessage, open: boolean, calls: Called[] }} Step */
/** @typedef {{ role: "user", id: string, message: Wire.UserMessage }} Question */
/** `asked`: the user's message before it, if that is in the view. @typedef {{ role: "assistant", id: string, asked: Wire.UserMessage | null, steps: Step[], running: boolean }} Answer */
/** @typedef {Question | Answer} Said */
/** The id of the answer to a user's message, known before there is one. @param {string} submissionId */
export declare const answerTo: (submissionId: string) => string;
/** The user's message whose turn runs and waits for nobody; null: there is none, or the view does not reach back to it. @param {View} view */
export declare function runningQuestion(view: View): Wire.UserMessage | null;
/** @param {View} view @returns {Wire.UserMessage | null} */
export declare function lastQuestion(view: View): Wire.UserMessage | null;
/** Makes the list of a session's views, one after the other. What did not change in it is the same object as before. */
export declare class Conversation {
    #private;
    /** @param {View} view one that does not change @returns {Said[]} */
    of(view: View): Said[];
}
