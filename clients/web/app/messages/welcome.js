// Welcome: the first screen of a new session: what this is, and what to try.

/** @import { Conversation } from "../state/conversation.js" */
import { config, panel } from "../state/store.js";
import { html, Mark } from "../ui/html.js";

const DEMO = [
  ["Show me a plan", "a checklist that is kept in view"],
  ["Think first, then answer", "reasoning, folded away"],
  ["Please write hello.txt", "a file made by a tool, to take out"],
  ["Say something long", "then close this page and come back in the middle"],
];
const REAL = [
  ["Write a small program that draws a Mandelbrot set as text, and run it.", "it writes files and runs commands in a workspace of its own"],
  ["Here is a file. What is in it, and what is odd about it?", "drop a file on this page first"],
  ["Make a plan for learning SQL in a week, then begin with the first step.", "plans are kept in view"],
  ["What does this error mean, and how do I mend it?", "paste it below; long text becomes a file"],
];

/** @param {{ conversation: Conversation }} props */
export function Welcome({ conversation }) {
  const { demo, sandbox, model_reason } = config.value ?? {};
  const ideas = demo ? DEMO : REAL;
  if (!conversation.drives) return html`<div class="empty"><h2>Nothing was said here yet.</h2></div>`;
  return html`<div class="empty">
    <${Mark} />
    <h2>Say what you want to be done.</h2>
    <p class="faint">The agent asks you before it does what cannot be taken back, and goes on while this page is closed.</p>
    <ul class="ideas" aria-label="Things to try">
      ${ideas.map(([text, why]) => html`<li><button type="button" class="idea" onClick=${() => conversation.suggested.value = { text }}><span>${text}</span><span class="faint">${why}</span></button></li>`)}
    </ul>
    ${demo && html`<p class="faint" title=${model_reason ?? ""}>The built-in demo model answers here. <button type="button" class="link" onClick=${() => (panel.value = "about")}>How to get a real one</button></p>`}
    ${sandbox?.shell === false && html`<p class="faint">Commands cannot be run on this server: ${sandbox.reason}</p>`}
  </div>`;
}
