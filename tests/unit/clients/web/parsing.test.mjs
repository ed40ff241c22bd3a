// No word of a text is lost in its parsing, however it is nested, whatever it leaves open and in whatever pieces it comes.

import assert from "node:assert/strict";
import test from "node:test";
import { MarkdownParser } from "../../../../clients/web/app/markdown/parser.js";
import * as smd from "../../../../clients/web/vendor/streaming-markdown-0.2.15/smd.js";

/** The text that is rendered, with all that opens and closes, for a text that comes in pieces of this size. */
function rendered(text, size) {
  let depth = 0;
  const told = [];
  const parsing = new MarkdownParser(smd, {
    data: null,
    add_token: (_, type) => (told.push(`<${type}>`), (depth += 1)),
    end_token: () => (told.push("</>"), (depth -= 1)),
    add_text: (_, said) => told.push(said),
    set_attr: (_, name, value) => told.push(`{${name}=${value}}`),
  });
  for (let at = 0; at < text.length; at += size) parsing.write(text.slice(at, at + size));
  parsing.end();
  assert.ok(depth >= 0);
  return told.join("");
}

const NESTED = {
  quotes: `${"> ".repeat(500)}deep`,
  lists: Array.from({ length: 100 }, (_, level) => `${"  ".repeat(level)}- deep`).join("\n"),
  numbers: `${"1. ".repeat(300)}deep`,
  "numbers with brackets": `${"1) - ".repeat(300)}deep`,
  marks: "**a _b ~~c `d deep ".repeat(200),
  "links that never end": `${"[a](".repeat(500)}deep`,
  "a long address": `[a](${"deep".repeat(5_000)}`,
};

for (const [name, text] of Object.entries(NESTED)) {
  test(`no word is lost: ${name}`, () => {
    const whole = rendered(`${text}\n\nThe end.`, Infinity);
    const count = (/** @type {string} */ where) => where.split("deep").length;
    assert.equal(count(whole.replace(/<\d+>|<\/>/g, "")), count(text));
    assert.ok(whole.includes("The end."));
    for (const size of [1, 3, 64]) assert.equal(rendered(`${text}\n\nThe end.`, size).replace(/<\d+>|<\/>/g, ""), whole.replace(/<\d+>|<\/>/g, ""));
  });
}

test("a link that is left open does not take what comes after it", () => {
  const said = rendered("see list[0](a and b\n\nNext **words**, and [good](https://example.org).", 5);
  assert.match(said, /a and b/);
  assert.match(said, /Next /);
  assert.match(said, /\{1=https:\/\/example\.org\}/);
});
