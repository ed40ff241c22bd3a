// Tool calls: what their arguments and output hold: a change, a command, a file, a plan, an exit code. Pure.

/** @import { Json } from "../../../js/protocol.d.ts" */
/** @import { DiffLine } from "../text/diff.js" */
import { diff, patchIn } from "../text/diff.js";
import { exact } from "../text/visible.js";

/** @typedef {{ [key: string]: Json }} Arguments */

/** Pairs of arguments that mean: this text becomes that one. */
const PAIRS = [["old_string", "new_string"], ["old_str", "new_str"], ["old_text", "new_text"]];
const GIST_CHARS = 90;

/**
 * The change that a call asks for, if it is one.
 * @param {Arguments} given
 * @returns {{ lines: DiffLine[], names: string[] } | null} `names`: of the arguments that say it
 */
export function changeOf(given) {
  for (const names of PAIRS) {
    const [before, after] = names.map((name) => given[name]);
    if (typeof before === "string" && typeof after === "string") return { lines: diff(before, after), names };
  }
  for (const name of ["patch", "diff"]) {
    const found = typeof given[name] === "string" ? patchIn(given[name]) : null;
    if (found && !found.before && !found.after) return { lines: found.lines, names: [name] };
  }
  return null;
}

/** A command for a shell, if the call runs one. @param {string} tool @param {Arguments} given */
export function commandOf(tool, given) {
  const name = commandName(tool, given);
  return name === null ? null : String(given[name]);
}

/** What in a command loses work, passes a check over, or runs what was just loaded. A help for the eye: what is not here may do so too. */
const RISKS = /(\brm\s+-\w*[rRf]\w*|--force\b\S*|--hard\b|--no-verify\b|\bpush\s+-f\b|\bsudo\b|\bmkfs\S*|\bdd\s+if=|\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b)/g;

/** The text in parts of which each second one is risky. @param {string} command */
export const riskParts = (command) => command.split(RISKS);

/** The argument that holds the command. @param {string} tool @param {Arguments} given */
function commandName(tool, given) {
  if (!/bash|shell|terminal|exec|run|command|sandbox/i.test(tool)) return null;
  return ["command", "cmd", "script"].find((name) => typeof given[name] === "string") ?? null;
}

/**
 * The text of a file that a call writes.
 * @param {string} tool @param {Arguments} given
 * @returns {{ path: string, text: string, name: string } | null} `name`: of the argument that holds the text
 */
export function fileOf(tool, given) {
  const path = pathOf(given);
  const name = ["content", "file_text"].find((one) => typeof given[one] === "string");
  return path !== null && name !== undefined && writes(tool) ? { path, text: String(given[name]), name } : null;
}

/**
 * The parts of a call that are shown in a form of their own, and the rest, which is shown as text: nothing is left out.
 * @param {string} tool @param {Arguments} given
 */
export function partsOf(tool, given) {
  const change = changeOf(given);
  const command = commandName(tool, given);
  const file = fileOf(tool, given);
  const plan = planOf(tool, given);
  const shown = new Set([...(change?.names ?? []), command, file?.name, plan && "items"]);
  return { change, command: commandOf(tool, given), file, plan, rest: Object.entries(given).filter(([name]) => !shown.has(name)) };
}

/** What a call is about, in a few words. @param {string} tool @param {Arguments} given */
export function summaryOf(tool, given) {
  const subject = commandOf(tool, given) ?? given.path ?? given.file_path ?? given.query ?? given.question ?? given.task ?? given.url ?? given.dataset ?? given.repo_id ?? given.name;
  if (tool === "plan") return "";
  const text = typeof subject === "string" ? subject : Object.keys(given).length ? JSON.stringify(given) : "";
  const lines = text.trim().split("\n");
  const line = exact(lines[0]);
  return line.length > GIST_CHARS ? `${line.slice(0, GIST_CHARS)}…` : line + (lines.length > 1 ? " …" : "");
}

/** @param {string} tool */
const writes = (tool) => /write|edit|create|save|append/i.test(tool);

/** @param {Arguments} given */
function pathOf(given) {
  const path = given.path ?? given.file_path;
  return typeof path === "string" && path ? path : null;
}

/** The file a call wrote, by its arguments. @param {string} tool @param {Arguments} given */
export function writtenFile(tool, given) {
  return writes(tool) ? pathOf(given) : null;
}

/** The language of a file, as a fence would say it. @param {string} path */
export function languageOf(path) {
  const name = path.split("/").at(-1)?.toLowerCase() ?? "";
  if (name === "dockerfile" || name === "makefile") return name;
  return name.includes(".") ? (name.split(".").at(-1) ?? "") : "";
}

/** The steps of a plan, if the arguments hold one. @param {string} tool @param {Arguments} given */
export function planOf(tool, given) {
  const items = given.items;
  if (tool !== "plan" || !Array.isArray(items)) return null;
  const sound = items.every((item) => item !== null && typeof item === "object" && !Array.isArray(item) && isPlanItem(item));
  return sound ? /** @type {{ text: string, status: string }[]} */ (/** @type {unknown} */ (items)) : null;
}

/** Whether a step of a plan holds what the list shows, and no more. @param {Arguments} item */
function isPlanItem({ text, status, ...more }) {
  return typeof text === "string" && ["pending", "in_progress", "completed"].includes(String(status)) && !Object.keys(more).length;
}

/** Why a command was ended before its own end, or empty. @param {string} output */
export function endedBy(output) {
  return /\n?\[ended: ([^\n\]]{1,100})\]\s*$/.exec(output.slice(-200))?.[1] ?? "";
}

/** The output of a command without the last line, in which a shell says how it ended. @param {string} output */
export function withoutEnd(output) {
  return output.replace(/\n?\[(?:exit code -?\d+|ended: [^\n\]]{1,100})\]\s*$/, "");
}

/** The exit code that a shell's output ends with, or null. @param {string} output */
export function exitCode(output) {
  const found = /(?:^|\n)\[?(?:the command )?exit(?:ed)?(?: with)?(?: code| status)?:? (-?\d+)[^\n]*\]?\s*$/i.exec(output.slice(-300));
  return found ? Number(found[1]) : null;
}
