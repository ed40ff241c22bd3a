// Diagrams: shows a block of mermaid as a picture, when somebody asks for it, in a frame that can reach neither the page nor the network.

import { computed, effect } from "@preact/signals";
import { settings } from "../state/settings.js";
import { notify } from "../state/store.js";

const HEIGHT_MAX = 4_000;

/** Shows or hides the picture: the buttons of code blocks are made outside of this library. @param {MouseEvent} event */
export function toggleDiagram(event) {
  const button = /** @type {HTMLElement} */ (event.target).closest?.("[data-diagram]");
  const block = button?.closest(".code");
  if (!button || !block) return;
  const shown = block.querySelector("iframe");
  button.setAttribute("aria-pressed", String(!shown));
  if (shown) return shown.remove();
  block.append(frameIn(block));
}

/** @param {Element} block of code */
function frameIn(block) {
  return frameOf(block.querySelector("code")?.textContent ?? "", (why) => {
    block.querySelector("[data-diagram]")?.setAttribute("aria-pressed", "false");
    notify(`The diagram could not be drawn: ${why}`, { tone: "bad" });
  });
}

const darkness = matchMedia("(prefers-color-scheme: dark)");
/** In other colours each is drawn anew. */
function redraw() {
  for (const frame of document.querySelectorAll("iframe.diagram")) frame.replaceWith(frameIn(/** @type {Element} */ (frame.parentElement)));
}
darkness.addEventListener("change", redraw);
/** The other settings are no reason to draw. */
const theme = computed(() => settings.value.theme);
effect(() => {
  void theme.value;
  redraw();
});

/** @param {string} source @param {(why: string) => void} failed */
function frameOf(source, failed) {
  const frame = document.createElement("iframe");
  frame.title = "Diagram";
  frame.className = "diagram";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = new URL("diagram.html", import.meta.url).href; // beside page.js, in which this module is
  const { theme } = document.documentElement.dataset;
  const dark = theme === "dark" || (theme !== "light" && darkness.matches);
  const ended = new AbortController();
  frame.onload = () => frame.contentWindow?.postMessage({ source, dark }, "*"); // its origin has no name to send to
  addEventListener(
    "message",
    ({ source: from, data }) => {
      if (!frame.isConnected) return ended.abort();
      if (from !== frame.contentWindow) return;
      ended.abort();
      if (typeof data?.height === "number") {
        frame.style.height = `${Math.min(HEIGHT_MAX, Math.max(40, data.height))}px`;
        frame.dataset.drawn = "";
      } else {
        frame.remove();
        failed(String(data?.error ?? "it gave no reason").slice(0, 300));
      }
    },
    { signal: ended.signal },
  );
  return frame;
}
