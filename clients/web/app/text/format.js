// Formats: numbers, sizes, prices and times as text. Pure.

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {number} count */
export function short(count) {
  if (count < 1000) return String(count);
  return count < 1_000_000 ? `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  return s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** US dollars, with as many digits as say something. @param {number} usd */
export function money(usd) {
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  const scaled = bytes / 1000 ** power;
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power - 1]}`;
}

/**
 * A model in a list of models. Prices are in US dollars for a million tokens.
 * @param {{ model: string, label?: string, demo: boolean, context_limit: number, input_usd?: number | null, output_usd?: number | null }} offered
 */
export function modelLabel({ model, label, demo, context_limit, input_usd, output_usd }) {
  const price = input_usd == null || output_usd == null ? "" : demo || (!input_usd && !output_usd) ? "free" : `$${input_usd} in, $${output_usd} out per million`;
  const about = [context_limit > 0 && `${short(context_limit)} context`, price].filter(Boolean).join(", ");
  return `${label || model}${about && ` (${about})`}`;
}

/** The name of the first, the second, ... file that would have a name. @param {string} name @param {number} number */
export function numbered(name, number) {
  const [, stem, ending] = /** @type {RegExpExecArray} */ (/^(.+?)((?:\.tar)?\.[^.]+)?$/s.exec(name) ?? ["", name, ""]);
  return number === 1 ? name : `${stem} (${number})${ending ?? ""}`;
}

/** A text with more of one of these is long; its beginning has less. */
const LONG = { chars: 4_000, lines: 50 };
const BEGINNING = { chars: 1_200, lines: 15 };

/** The beginning of a text that is too long to be shown whole at first; null: it is not. @param {string} text */
export function beginningOf(text) {
  const lines = text.length > LONG.chars ? LONG.lines + 1 : (text.match(/\n/g)?.length ?? 0) + 1;
  if (lines <= LONG.lines) return null;
  const begin = text.split("\n", BEGINNING.lines).join("\n").slice(0, BEGINNING.chars);
  return begin.replace(/[\ud800-\udbff]$/, ""); // no half of a character
}

const DAY_MS = 86_400_000;

/** In which days a time lies, as a list is divided by; empty: it is no time. @param {string} at @param {Date} now */
export function daysOf(at, now) {
  const then = new Date(at);
  if (Number.isNaN(then.getTime())) return "";
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (then.getTime() >= midnight) return "Today";
  if (then.getTime() >= midnight - DAY_MS) return "Yesterday";
  return then.getTime() >= midnight - 7 * DAY_MS ? "The last 7 days" : "Older";
}

/** Made once: a browser takes half a millisecond to make one. */
const TIME = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });

/** A time in few words: of today the time, else the day; empty: it is no time. @param {string | number} at */
export function when(at) {
  const then = new Date(at);
  if (Number.isNaN(then.getTime())) return "";
  const today = new Date().toDateString() === then.toDateString();
  return (today ? TIME : DAY).format(then);
}
