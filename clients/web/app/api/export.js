// Export: saves a session as a file. It is made from the journal, so it is complete whatever the page has loaded.

import { apply, emptyView } from "../../../js/src/view.js";
import { http, journal, sessionPath } from "./http.js";

/** @param {string} id @param {"md" | "json"} format */
export async function exportSession(id, format) {
  const info = await http(sessionPath(id));
  const view = emptyView();
  for await (const event of journal(id)) apply(view, event);
  const text = format === "json" ? JSON.stringify({ ...info, messages: view.messages, plan: view.plan, usage: view.usage }, null, 2) : asMarkdown(view);
  save(`${fileName(view.title || id)}.${format}`, text, format === "json" ? "application/json" : "text/markdown");
}

/** @param {import("../../../js/src/view.js").View} view */
export function asMarkdown(view) {
  const parts = [`# ${view.title || "Session"}`];
  for (const message of view.messages) {
    if (message.role === "user") parts.push(`## You\n\n${message.text}`);
    else if (message.role === "tool") parts.push(`### Tool \`${message.tool}\` (${message.state})\n\n${fenced(message.output)}`);
    else {
      parts.push(`## Assistant${message.sealed ? " (cut short)" : ""}`);
      if (message.text) parts.push(message.text);
      for (const call of message.tool_calls) parts.push(`Asks for \`${call.tool}\`:\n\n${fenced(JSON.stringify(call.arguments, null, 2), "json")}`);
    }
  }
  return `${parts.join("\n\n")}\n`;
}

/** A block that its text cannot end. @param {string} text */
function fenced(text, language = "") {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** @param {string} title */
function fileName(title) {
  return title.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "session";
}

/** @param {string} name @param {string} text @param {string} type */
function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
