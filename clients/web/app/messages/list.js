// Message list: the conversation as rows, each drawn by its kind.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { Row } from "../state/rows.js" */
import { useMemo } from "preact/hooks";
import { beginningOf, plural } from "../text/format.js";
import { html } from "../ui/html.js";
import { ToolCard } from "../tools/card.js";
import { AssistantMessage, NoteRow, UserMessage, WaitingMessage } from "./message.js";
import { useLinked } from "./linked.js";
import { VirtualList } from "./virtual-list.js";
import { Welcome } from "./welcome.js";

const CHARS_A_LINE = 90;
const LINE_PX = 24;

/** The height of a row that was never seen, in pixels. @param {Row} row */
function estimate(row) {
  if (row.kind === "tool") return 48;
  if (row.kind === "note" || row.kind === "working") return 48;
  const text = row.kind === "assistant" ? row.text : (beginningOf(row.text) ?? row.text);
  const lines = text.length / CHARS_A_LINE + (text.match(/\n/g)?.length ?? 0);
  return 64 + LINE_PX * Math.ceil(lines);
}

const KINDS = { user: UserMessage, assistant: AssistantMessage, tool: ToolCard, waiting: WaitingMessage, failed: WaitingMessage, note: NoteRow, working: Working };

/** @param {{ says?: string }} props */
function Working({ says = "Working" }) {
  return html`<p class="working faint"><span class="hidden">${says}</span><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span></p>`;
}

function Gone() {
  return html`<div class="empty">
    <h2>This session is not there.</h2>
    <p>It was deleted, or its address is not whole, or it is somebody else's and you came without a link into it.</p>
  </div>`;
}

/** @param {Row} row */
function nameOf(row) {
  if (row.kind === "tool") return `Tool ${row.tool}`;
  if (row.kind === "note") return row.note.tone === "bad" ? "Error" : "Note";
  return row.kind === "assistant" || row.kind === "working" ? "Assistant" : "You";
}

/** @param {{ conversation: Conversation, list: { current: VirtualList | null } }} props */
export function Messages({ conversation, list }) {
  void [conversation.version.value, conversation.grown.value];
  const draw = useMemo(() => (/** @type {Row} */ row) => html`<${KINDS[row.kind]} row=${row} conversation=${conversation} />`, [conversation]);
  const rows = conversation.rows();
  useLinked(list, rows.length > 0);
  const { phase } = conversation.status.value;
  if (!rows.length) {
    if (conversation.gone) return html`<${Gone} />`;
    const coming = conversation.session.sessionId !== null && (phase === "connecting" || phase === "catching_up" || phase === "waiting");
    return coming ? html`<div class="empty coming" aria-busy="true"><${Working} says="Loading" /></div>` : html`<${Welcome} conversation=${conversation} />`;
  }
  const omitted = conversation.session.core.omitted_messages;
  return html`${omitted > 0 && html`<p class="omitted faint">${plural(omitted, "older message")} ${omitted === 1 ? "is" : "are"} not loaded; the export has them.</p>`}
    <${VirtualList} hold=${list} rows=${rows} render=${draw} estimate=${estimate} name=${nameOf} label="Conversation" busy=${conversation.running} toEnd=${conversation.sent.value} />`;
}
