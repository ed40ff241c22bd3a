// Diagram: draws one diagram of mermaid in a frame of its own, which has no origin and may ask for nothing. It gets the source from the page
// once, and answers with its height, or with why it could not be drawn.

/** @typedef {{ source: string, dark: boolean }} Given */

addEventListener("message", ({ data, source: page }) => void draw(/** @type {Given} */ (data), /** @type {WindowProxy} */ (page)), { once: true });

/** @param {Given} given @param {WindowProxy} page */
async function draw({ source, dark }, page) {
  const { mermaid } = /** @type {any} */ (globalThis);
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: dark ? "dark" : "default", suppressErrorRendering: true });
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  document.body.style.margin = "0";
  try {
    const { svg } = await mermaid.render("diagram", source);
    document.body.innerHTML = svg;
    /** @type {SVGElement} */ (document.body.firstElementChild).style.cssText += "display: block; margin: 0 auto";
    page.postMessage({ height: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
  } catch (error) {
    page.postMessage({ error: error instanceof Error ? error.message : String(error) }, "*");
  }
}
