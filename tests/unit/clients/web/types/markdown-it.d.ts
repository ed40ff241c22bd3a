// The parts of markdown-it that the reader is made of, by the names that the page has for them.

import type { Env, MarkdownIt as Owner, ParserBlock as Blocks, ParserInline as Inlines, StateBlock, StateInline, Token as AnyToken } from "../node_modules/markdown-it/dist/markdown-it.d.mts";

export type Token = AnyToken;
export type Environment = Env;
export type BlockState = StateBlock;
export type InlineState = StateInline & { noCloser?: Record<string, boolean> };
export type BlockRule = (state: BlockState, startLine: number, endLine: number, silent: boolean) => boolean;
export type InlineRule = (state: InlineState, silent: boolean) => boolean;
export type PairRule = (state: InlineState) => void;
export type MarkdownIt = Owner;
export const ParserBlock: new () => Blocks;
export const ParserInline: new () => Inlines;
export const parseLinkLabel: Owner["helpers"]["parseLinkLabel"];
export const parseLinkDestination: Owner["helpers"]["parseLinkDestination"];
export const parseLinkTitle: Owner["helpers"]["parseLinkTitle"];