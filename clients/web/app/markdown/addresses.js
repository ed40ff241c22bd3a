// Addresses: which of those that a text names may be links, and from where images may come.

const LINKS = new Set(["http:", "https:", "mailto:"]);

/**
 * The address, if it may be a link.
 * @param {string} text
 */
export function safeLink(text) {
  const parsed = URL.parse(text.trim());
  return parsed && LINKS.has(parsed.protocol) ? parsed.href : null;
}

/**
 * The address, if images may be loaded from there.
 * @param {string} text @param {string[]} sources origins
 */
export function safeImage(text, sources) {
  const parsed = URL.parse(text.trim());
  return parsed && LINKS.has(parsed.protocol) && sources.includes(parsed.origin) ? parsed.href : null;
}

/**
 * The path of an image of the workspace, or null.
 * @param {string} text
 */
export function imagePath(text) {
  if (!/^[^?#:\\]+\.(?:png|jpe?g|webp|gif|avif|bmp)$/i.test(text)) return null;
  try {
    const parts = decodeURIComponent(text).replace(/^\.\//, "").split("/");
    return parts.some((part) => part === "" || part === "." || part === "..") ? null : parts.join("/");
  } catch {
    return null; // it is not encoded as an address
  }
}
