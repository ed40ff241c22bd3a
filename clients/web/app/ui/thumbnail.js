// Thumbnail: a small picture of an image, made in the browser, so that the page holds no whole image that it shows small.

import { useEffect, useRef, useState } from "preact/hooks";
import { html, Icon } from "./html.js";

/** Its longer side, in pixels: twice what is shown, for dense screens. */
const SIDE = 256;
/** A larger file has none: it is read whole. */
const BYTES_MAX = 16_777_216;
/** So many are kept, of some 10 kB each. */
const KEPT = 200;

/** By the keys of the images. @type {Map<string, Promise<string>>} */
const made = new Map();
/** One is made after another: an image takes much more memory while it is read. @type {Promise<unknown>} */
let last = Promise.resolve();

/** @param {string} key @param {() => Promise<Blob>} read @returns {Promise<string>} its address */
function thumbnailOf(key, read) {
  const known = made.get(key);
  if (known) return known;
  const one = last.then(async () => draw(await read()));
  last = one.catch(() => made.delete(key));
  made.set(key, one);
  if (made.size > KEPT) made.delete(/** @type {string} */ (made.keys().next().value));
  return one;
}

/** @param {Blob} image */
async function draw(image) {
  if (image.size > BYTES_MAX) throw new Error("it is too large for a thumbnail");
  const whole = await createImageBitmap(image);
  const scale = Math.min(1, SIDE / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  canvas.getContext("2d")?.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return canvas.toDataURL("image/webp");
}

/** What is at this address. @param {string} link */
export const imageAt = (link) => async () => {
  const answer = await fetch(link);
  if (answer.ok && Number(answer.headers.get("content-length") ?? 0) <= BYTES_MAX) return answer.blob();
  await answer.body?.cancel();
  throw new Error("there is no image, or one that is too large for a thumbnail");
};

/**
 * It is made once it comes near to what is seen. `id`: another one for each content. `failed`: it is no image, or too large.
 * @param {{ id: string, read: () => Promise<Blob>, alt: string, failed?: () => void }} props
 */
export function Thumbnail({ id, read, alt, failed }) {
  const [address, setAddress] = useState("");
  const [broken, setBroken] = useState(false);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    let current = true;
    const take = () => thumbnailOf(id, read).then((url) => current && setAddress(url), () => current && (failed ?? (() => setBroken(true)))());
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      seen.disconnect();
      void take();
    });
    if (place.current) seen.observe(place.current);
    return () => {
      current = false;
      seen.disconnect();
    };
  }, [id]);
  if (broken) return html`<${Icon} name="file" />`;
  return address ? html`<img class="thumbnail" src=${address} alt=${alt} />` : html`<span class="thumbnail" ref=${place}></span>`;
}
