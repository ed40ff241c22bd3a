// For the tests of Markdown: resolves the names of the page's import map, and compares what was read with a specification's HTML.

import { readFileSync } from "node:fs";
import { register } from "node:module";

const WEB = new URL("../../../../../clients/web/", import.meta.url);
const { imports } = JSON.parse(/<script type="importmap">(.*?)<\/script>/s.exec(readFileSync(new URL("index.html", WEB), "utf8"))[1]);
const addresses = Object.fromEntries(Object.entries(imports).map(([name, path]) => [name, new URL(path.replace("/static/", ""), WEB).href]));
register(`data:text/javascript,${encodeURIComponent(`
  const addresses = ${JSON.stringify(addresses)};
  export const resolve = (name, context, next) => name in addresses ? { url: addresses[name], format: "module", shortCircuit: true } : next(name, context);
  export const load = async (url, context, next) => next(url, url.startsWith(${JSON.stringify(WEB.href)}) ? { ...context, format: "module" } : context);
`)}`);

const { BlockReader, rareEntities } = await import(new URL("app/markdown/reader.js", WEB));
read("&DoubleContourIntegral;");
await rareEntities();

export function reader() {
  return new BlockReader();
}

/** The nodes of a text that comes in these pieces, put together as the page does it; `longText`: from which length on words of a paragraph are kept. */
export function read(text, pieces = [text], longText = undefined) {
  const reader = new BlockReader(longText);
  const settled = [];
  let shown = [];
  const take = (piece, ended) => {
    const { nodes, settled: count, changed } = reader.take(piece, ended);
    for (const [index, node] of changed) settled[index] = node;
    const filled = nodes.map((node, at) => together(shown[at], node));
    settled.push(...filled.slice(0, count));
    shown = filled.slice(count);
  };
  for (const piece of pieces) take(piece, false);
  take("", true);
  return [...settled, ...shown];
}

/** A node with what it says to be as it was. */
function together(before, node) {
  if (typeof node === "string") return node;
  if (node.tag === "pre") {
    const kept = node.skip ? before.children[0].slice(0, node.skip) : "";
    return { ...node, skip: 0, children: [kept + node.children[0]] };
  }
  const skip = node.skip ?? 0;
  const same = before && before.tag === node.tag;
  const children = node.children.map((child, at) => together(same ? before.children[skip + at] : undefined, child));
  return { ...node, skip: 0, children: [...(skip ? before.children.slice(0, skip) : []), ...children] };
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const attributes = (attrs) => Object.entries(attrs).map(([name, value]) => ` ${name}="${escape(value)}"`).join("");

/** As HTML, in the words of the specifications. */
export function html(nodes) {
  return nodes.map((node) => (typeof node === "string" ? escape(node) : element(node))).join("");
}

function element({ tag, attrs = {}, children }) {
  if (tag === "div") return html(children);
  if (tag === "pre") return `<pre><code${attrs.language ? attributes({ class: `language-${attrs.language}` }) : ""}>${html(children)}${children[0] ? "\n" : ""}</code></pre>`;
  if (tag === "img") return `<img${attributes({ src: attrs.src, alt: children.join(""), ...(attrs.title ? { title: attrs.title } : {}) })}>`;
  if (tag === "input") return `<input${attributes({ ...attrs, disabled: "", type: "checkbox" })}> `;
  if (tag === "li") return `<li>${html(children)}</li>`;
  // How wide a cell is made is the page's own.
  if ((tag === "td" || tag === "th") && attrs.class) return element({ tag, attrs: attrs.align ? { align: attrs.align } : {}, children });
  if (tag === "br" || tag === "hr") return `<${tag}>`;
  return `<${tag === "s" ? "del" : tag}${attributes(attrs)}>${html(children)}</${tag === "s" ? "del" : tag}>`;
}

/** The page shows headings two levels below those of the text. */
export const HEADINGS = { h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6" };
const BLOCK = /^<\/?(?:p|h\d|ul|ol|li|blockquote|pre|hr|table|thead|tbody|tr|th|td|br|input)\b/;

function decoded(text) {
  const plain = text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
  return plain;
}

function address(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll("%5C", "\\").replaceAll("%5B", "[").replaceAll("%20", " ");
  }
}

/** HTML in a form that does not depend on line ends between blocks, or on how addresses are written. */
export function canonical(source, names = {}) {
  const tokens = source.match(/<\/?[a-z]\w*(?:\s+[\w-]+(?:="[^"]*")?)*\s*\/?>|[^<]+|</gi) ?? [];
  const kept = tokens.map((token, at) => {
    if (token.startsWith("<") && token.length > 1) {
      const [, close, name] = /^<(\/?)(\w+)/.exec(token);
      const attrs = [...token.matchAll(/\s([\w-]+)="([^"]*)"/g)].map(([, key, value]) => {
        const plain = decoded(value);
        return `${key}=${key === "href" || key === "src" ? address(plain) : plain}`;
      });
      return `<${close}${names[name] ?? name}${attrs.sort().map((each) => ` ${each}`).join("")}>`;
    }
    let text = token;
    if (BLOCK.test(tokens[at - 1] ?? "<p>")) text = text.replace(/^\s+/, "");
    if (BLOCK.test(tokens[at + 1] ?? "<p>")) text = text.replace(/\s+$/, "");
    return decoded(text);
  });
  return kept.join("");
}
