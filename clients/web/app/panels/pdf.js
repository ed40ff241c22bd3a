// PDF: the pages of a file of the workspace, in a frame that can reach neither the page nor the network.

import { useEffect, useRef } from "preact/hooks";
import { fileBytes } from "../api/http.js";
import { messageOf } from "../text/format.js";
import { visible } from "../text/visible.js";
import { html } from "../ui/html.js";

const PDF = /\.pdf$/i;
const BYTES_MAX = 32_000_000;

/** @param {string} path @param {number} bytes */
export const isShownAsPdf = (path, bytes) => PDF.test(path) && bytes <= BYTES_MAX;

/** @param {{ id: string, path: string, failed: (why: string) => void }} props */
export function Pdf({ id, path, failed }) {
  const element = useRef(/** @type {HTMLIFrameElement | null} */ (null));
  useEffect(() => {
    const frame = /** @type {HTMLIFrameElement} */ (element.current);
    const ended = new AbortController();
    const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
    frame.src = new URL("pdf.html", import.meta.url).href; // beside page.js, in which this module is
    const { theme } = document.documentElement.dataset;
    const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    const give = async () => {
      const [bytes] = await Promise.all([fileBytes(id, path), loaded]);
      frame.contentWindow?.postMessage({ bytes, width: frame.clientWidth, dark }, "*", [bytes]); // its origin has no name to send to
    };
    const take = (/** @type {MessageEvent} */ { source, data }) => {
      if (source === frame.contentWindow && !data?.drawn) failed(String(data?.error ?? "It cannot be shown: download it to see it.").slice(0, 300));
    };
    addEventListener("message", take, { signal: ended.signal });
    give().catch((error) => ended.signal.aborted || failed(messageOf(error)));
    return () => ended.abort();
  }, [id, path]);
  return html`<iframe ref=${element} class="preview pdf" sandbox="allow-scripts" title=${`What is in ${visible(path)}`}></iframe>`;
}
