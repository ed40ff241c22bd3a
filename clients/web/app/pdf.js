// PDF: draws the pages of one PDF file in a frame of its own, which has no origin and may ask for nothing. It gets the file's bytes from the
// page once, and answers when the first page is drawn, or with why there is none.

import { AnnotationMode, GlobalWorkerOptions, getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";

/** @typedef {{ bytes: ArrayBuffer, width: number, dark: boolean }} Given */
/** @typedef {import("pdfjs-dist").PDFPageProxy} Page */

const PAGES_MAX = 20;
/** Of one canvas: what a page in A4 has at four times its size in points. More is drawn with fewer pixels. */
const PIXELS_MAX = 8_000_000;
/** What browsers make of a canvas at least. */
const SIDE_MAX = 16_384;
/** Of one image in the file; larger ones are left out. */
const IMAGE_PIXELS_MAX = 32_000_000;
/** What assistive technology is given of a page. */
const CHARACTERS_MAX = 20_000;
const REASONS = /** @type {Record<string, string>} */ ({
  PasswordException: "It is protected by a password: download it to see it.",
  InvalidPDFException: "It is no PDF, or it is damaged: download it to see more.",
});

let missing = false;

/** Stands for the decoders, fonts and character maps that pdf.js would load, and this document does not hold. */
class NothingToLoad {
  async fetch() {
    missing = true;
    throw new Error("this document holds none of it");
  }
}

addEventListener("message", ({ data, source: page }) => void answer(/** @type {Given} */ (data), /** @type {WindowProxy} */ (page)), { once: true });

/** @param {Given} given @param {WindowProxy} page */
async function answer(given, page) {
  /** @param {unknown} error */
  const fail = (error) => {
    const { name = "", message = String(error) } = /** @type {Partial<Error>} */ (error);
    const why = REASONS[name] ?? `It cannot be shown (${message}): download it to see it.`;
    if (document.querySelector("[data-drawn]")) note(`The rest is not shown. ${why}`, document.body);
    else page.postMessage({ error: why }, "*");
  };
  document.documentElement.style.colorScheme = given.dark ? "dark" : "light";
  const code = /** @type {HTMLElement} */ (document.getElementById("worker")).textContent;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  worker.onerror = () => fail("the browser starts no worker for it");
  GlobalWorkerOptions.workerPort = worker;
  try {
    await draw(given, () => page.postMessage({ drawn: true }, "*"));
  } catch (error) {
    fail(error);
  }
}

/** @param {Given} given @param {() => void} begun */
async function draw({ bytes, width }, begun) {
  const options = { data: new Uint8Array(bytes), isEvalSupported: false, useWorkerFetch: false, maxImageSize: IMAGE_PIXELS_MAX, verbosity: 0, BinaryDataFactory: NothingToLoad };
  const file = await getDocument(options).promise;
  const shown = Math.min(PAGES_MAX, file.numPages);
  if (!shown) throw new Error("it has no pages");
  for (let number = 1; number <= shown; number += 1) {
    await drawPage(await file.getPage(number), `Page ${number} of ${file.numPages}`, width);
    begun();
  }
  if (shown < file.numPages) note(`These are the first ${shown} of ${file.numPages} pages: download the file for the rest.`, document.body);
}

/** @param {Page} page @param {string} name @param {number} width in CSS pixels */
async function drawPage(page, name, width) {
  const section = document.createElement("section");
  section.setAttribute("aria-label", name);
  const canvas = document.createElement("canvas");
  section.append(canvas);
  note(name, section);
  document.body.append(section);
  const { width: points, height } = page.getViewport({ scale: 1 });
  const scale = Math.min((width / points) * devicePixelRatio, Math.sqrt(PIXELS_MAX / (points * height)), SIDE_MAX / Math.max(points, height));
  const viewport = page.getViewport({ scale });
  canvas.width = Math.max(1, Math.floor(viewport.width));
  canvas.height = Math.max(1, Math.floor(viewport.height));
  missing = false;
  await page.render({ canvas, viewport, annotationMode: AnnotationMode.ENABLE }).promise;
  if (missing) note("Some images or characters of this page cannot be shown here: download the file to see them.", section);
  canvas.textContent = await textOf(page); // it is not seen, and read aloud
  section.dataset.drawn = "";
  page.cleanup();
}

/** The page's text, as far as it is taken. By a reader: WebKitGTK cannot iterate over a stream. @param {Page} page */
async function textOf(page) {
  const reader = page.streamTextContent().getReader();
  let text = "";
  while (text.length < CHARACTERS_MAX) {
    const { value, done } = await reader.read();
    if (done) break;
    for (const item of value.items) if ("str" in item) text += item.str + (item.hasEOL ? "\n" : "");
  }
  await reader.cancel(new Error("no more of it is taken"));
  return text.slice(0, CHARACTERS_MAX);
}

/** @param {string} text @param {HTMLElement} where */
function note(text, where) {
  const line = document.createElement("p");
  line.textContent = text;
  where.append(line);
}
