// Preview: what is in a file of the workspace, as far as it can be shown: images, tables and text.

/** @import { FileEntry } from "../api/http.js" */
import { useEffect, useState } from "preact/hooks";
import { fileText } from "../api/http.js";
import { messageOf, size } from "../text/format.js";
import { tableOfCsv } from "../text/tables.js";
import { exact, visible } from "../text/visible.js";
import { Table } from "../tools/outputs.js";
import { html } from "../ui/html.js";

const TABLE = /\.[ct]sv$/i;
/** A browser's own viewer of it runs outside of what the page's policy allows. */
const PDF = /\.pdf$/i;
export const IMAGE = /\.(?:png|jpe?g|webp|gif|avif|bmp)$/i;
/** Larger files are only downloaded: a text of this size is what a browser lays out at once. */
const TEXT_BYTES = 262_144;

/** @param {{ id: string, file: FileEntry, link: string }} props */
export function Preview({ id, file: { path, size: bytes = 0 }, link }) {
  const image = IMAGE.test(path);
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [fault, setFault] = useState(PDF.test(path) ? "A PDF is not shown here: download it to see it." : image || bytes <= TEXT_BYTES ? "" : `It has ${size(bytes)}: download it to see it.`);
  useEffect(() => {
    if (image || fault) return;
    let current = true;
    const take = (/** @type {string} */ found) => current && (/[\0\ufffd]/.test(found) ? setFault("It is no text: download it to see it.") : setText(found));
    fileText(id, path).then(take, (error) => current && setFault(messageOf(error)));
    return () => void (current = false);
  }, [id, path]);
  if (fault) return html`<p class="preview faint" role="status">${fault}</p>`;
  if (image) return html`<img class="preview" src=${link} alt=${visible(path)} onError=${() => setFault("It cannot be shown as an image.")} />`;
  const table = text !== null && TABLE.test(path) ? tableOfCsv(text) : null;
  if (table) return html`<div class="preview" role="group" aria-label=${`What is in ${visible(path)}`}><${Table} table=${table} /></div>`;
  return html`<pre class="preview" tabindex="0" aria-label=${`What is in ${visible(path)}`}>${text === null ? "…" : exact(text) || "(empty)"}</pre>`;
}
