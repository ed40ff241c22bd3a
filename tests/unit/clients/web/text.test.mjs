// Texts of tools: diffs, terminals, tables, arguments, and characters made visible. Run by test_node.py.

import assert from "node:assert/strict";
import test from "node:test";
import { terminalRuns, terminalText } from "../../../../clients/web/app/text/ansi.js";
import { counts, diff, isPatch, patchIn, shortened } from "../../../../clients/web/app/text/diff.js";
import { Finder, folded } from "../../../../clients/web/app/text/find.js";
import { beginningOf, daysOf, modelLabel, numbered } from "../../../../clients/web/app/text/format.js";
import { TABLE_ROWS, tableOf, tableOfCsv } from "../../../../clients/web/app/text/tables.js";
import { plainParts } from "../../../../clients/web/app/text/plain.js";
import { oneLine, visible } from "../../../../clients/web/app/text/visible.js";
import { composing, Letters } from "../../../../clients/web/app/ui/letters.js";
import { changeOf, commandOf, endedBy, exitCode, fileOf, languageOf, partsOf, planOf, riskParts, summaryOf, withoutEnd, writtenFile } from "../../../../clients/web/app/tools/calls.js";

const marks = { same: " ", old: "-", new: "+", head: "@" };
const drawn = (lines) => lines.map(({ kind, text }) => marks[kind] + text);

test("a diff says what went and what came", () => {
  assert.deepEqual(drawn(diff("a\nb\nc", "a\nx\nc")), [" a", "-b", "+x", " c"]);
  assert.deepEqual(drawn(diff("", "new\n")), ["+new"]);
  assert.deepEqual(drawn(changeOf({ path: "p", old_string: "a", new_string: "b" }).lines), ["-a", "+b"]);
  assert.deepEqual(changeOf({ path: "p", old_string: "a", new_string: "b" }).names, ["old_string", "new_string"]);
  assert.equal(changeOf({ path: "p" }), null);
});

test("lines far from a change are left out and counted", () => {
  const before = Array.from({ length: 20 }, (_, number) => `${number}`).join("\n");
  const lines = shortened(diff(before, before.replace("\n10\n", "\nten\n")));
  assert.deepEqual(drawn(lines), ["@7 unchanged lines", " 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13", "@6 unchanged lines"]);
  assert.deepEqual(counts(lines), { added: 1, removed: 1 });
});

test("a unified diff is found in what a tool says, and what stands around it is kept", () => {
  const found = patchIn("edited a.py\n--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@ def f\n same\n--- looks like a header\n+++ so does this\n\nthat is all");
  assert.equal(found.before, "edited a.py");
  assert.deepEqual(drawn(found.lines).slice(-3), [" same", "--- looks like a header", "+++ so does this"]);
  assert.equal(found.after, "that is all");
  assert.ok(!isPatch("-- no"));
  assert.equal(patchIn("- a list\n- of things"), null);
});

test("a terminal's colours have names, and what a program wrote over is gone", () => {
  assert.deepEqual(terminalRuns("\u001b[1;31mred\u001b[0m plain"), [{ text: "red", style: "red bold" }, { text: " plain", style: "" }]);
  assert.equal(terminalText("10%\r 50%\r100%\r\ndone"), "100%\ndone");
  assert.equal(terminalText("abc\rX"), "Xbc");
  assert.equal(terminalText("abc\r\u001b[KX"), "X");
  assert.equal(terminalText("ab\bc"), "ac");
  assert.equal(terminalText("\u001b[38;5;200;1mx\u001b[38;2;1;2;3my"), "xy");
});

test("what a terminal would obey is not obeyed, and half an escape is not shown", () => {
  assert.equal(terminalText("\u001b]0;title\u0007a\u001b]8;;http://x\u001b\\b\u001b]8;;\u001b\\c"), "abc");
  assert.equal(terminalText("a\u001b[2J\u001b[Hb\u001bcd\u0000e\u0007"), "abde");
  for (const half of ["\u001b", "\u001b[", "\u001b[3", "\u001b]0;ti"]) assert.equal(terminalText(`a${half}`), "a", JSON.stringify(half));
});

test("a line of very many characters keeps them all", () => {
  assert.equal(terminalText("x".repeat(60_000)).length, 60_000);
  assert.ok(terminalText(`${"\u001b[31m=\u001b[0m".repeat(5_000)}\n`).length === 5_001);
});

test("rows of JSON, JSON Lines and Markdown become a table, and other text does not", () => {
  assert.deepEqual(tableOf('[{"a":1,"b":null},{"a":{"c":2}}]'), { columns: ["a", "b"], rows: [["1", ""], ['{"c":2}', ""]], more: 0, before: "", after: "" });
  assert.equal(tableOf('{"rows":[{"x":1}],"total":3}').before, "total: 3");
  assert.deepEqual(tableOf('{"a":1}\n{"a":2}').rows, [["1"], ["2"]]);
  const table = tableOf("2 rows of 9\n\n| id | text |\n|:---|---:|\n| 1 | a \\| b |\n| 2 |\n\nmore with offset=2");
  assert.deepEqual([table.columns, table.rows], [["id", "text"], [["1", "a | b"], ["2", ""]]]);
  assert.deepEqual([table.before, table.after], ["2 rows of 9", "more with offset=2"]);
  for (const text of ["[1,2]", "{}", "[", "text", "[[1]]", "null", '{"rows":null}', "a | b", "---|---", '{"a":1}']) assert.equal(tableOf(text), null, text);
});

test("a file of CSV is a table, whatever its fields have in them", () => {
  const { columns, rows } = tableOfCsv('\ufeffname,"said, aloud",n\r\nAda,"""so"" it\nis",1\r\n,,\r\nBo\r\n');
  assert.deepEqual(columns, ["name", "said, aloud", "n"]);
  assert.deepEqual(rows, [["Ada", '"so" it\nis', "1"], ["", "", ""], ["Bo", "", ""]]);
  assert.deepEqual(tableOfCsv("a;b\n1,5;2").rows, [["1,5", "2"]]);
  assert.deepEqual(tableOfCsv("a\tb\n\t2\n").rows, [["", "2"]]);
  assert.equal(tableOfCsv(`a\n${"1\n".repeat(TABLE_ROWS + 7)}`).more, 7);
  for (const text of ["", "a,b", 'a\n"1', 'a\n"1"2\n3']) assert.equal(tableOfCsv(text), null, text);
});

test("a table of many rows says how many are not shown", () => {
  const many = JSON.stringify(Array.from({ length: TABLE_ROWS + 7 }, (_, id) => ({ id })));
  assert.deepEqual([tableOf(many).rows.length, tableOf(many).more], [TABLE_ROWS, 7]);
});

test("a row's own names do not reach into the language", () => {
  assert.deepEqual(tableOf('[{"a":1},{"__proto__":2,"constructor":3}]').rows[0], ["1", "", ""]);
});

test("a call is told in few words, with its command or its file", () => {
  assert.equal(summaryOf("bash", { command: "ls\npwd" }), "ls …");
  assert.equal(summaryOf("ask_user", { question: "Which?", fields: [] }), "Which?");
  assert.equal(commandOf("read", { command: "x" }), null);
  assert.equal(writtenFile("write", { path: "a/b.txt" }), "a/b.txt");
  assert.equal(writtenFile("read", { path: "a/b.txt" }), null);
  assert.deepEqual(fileOf("write", { path: "a.py", content: "x" }), { path: "a.py", text: "x", name: "content" });
  assert.equal(languageOf("src/Dockerfile"), "dockerfile");
  assert.equal(languageOf("a.b/c"), "");
  assert.equal(planOf("plan", { items: [{ text: "x", status: "pending" }] }).length, 1);
  assert.equal(planOf("plan", { items: ["x"] }), null);
});

test("characters without looks are shown where they could deceive", () => {
  assert.equal(visible("rm \u202etxt.exe\u200b"), "rm ⟨U+202E⟩txt.exe⟨U+200B⟩");
  assert.equal(visible("tab\tnewline\nשלום"), "tab\tnewline\nשלום");
  assert.equal(summaryOf("bash", { command: "echo \u2066x" }), "echo ⟨U+2066⟩x");
  assert.equal(oneLine(" a\n\u202eb "), "a b");
});

/** The arguments of a call that are shown as text, by name. */
const asText = (tool, given) => partsOf(tool, given).rest.map(([name]) => name);

test("an argument is left out of the text only if it is what is shown in another form", () => {
  assert.deepEqual(asText("run", { command: "ls", cmd: "rm -rf .", script: "curl x" }), ["cmd", "script"]);
  assert.deepEqual(asText("run", { command: ["ls"], cmd: "rm -rf ." }), ["command"]);
  assert.equal(partsOf("run", { command: 1, script: "curl x" }).command, "curl x");
  assert.deepEqual(asText("look", { command: "ls", cmd: "rm" }), ["command", "cmd"]);
  assert.deepEqual(asText("write", { path: "a", content: "x", file_text: "y" }), ["path", "file_text"]);
  assert.deepEqual(asText("write", { path: "a", content: ["x"], file_text: "y" }), ["path", "content"]);
  assert.deepEqual(asText("edit", { path: "a", old_string: "x", new_string: "y", old_str: "p", new_str: "q" }), ["path", "old_str", "new_str"]);
  assert.deepEqual(asText("plan", { items: [{ text: "x", status: "pending", also: "y" }] }), ["items"]);
  assert.deepEqual(asText("plan", { items: [{ text: "x", status: "secretly" }] }), ["items"]);
});

test("a patch with anything around it is shown as text, and one of two patches too", () => {
  const patch = "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n";
  assert.deepEqual(asText("apply", { patch, diff: patch }), ["diff"]);
  assert.deepEqual(asText("apply", { patch: `rm -rf .\n${patch}` }), ["patch"]);
  assert.deepEqual(asText("apply", { patch: `${patch}rm -rf .\n${patch}` }), ["patch"]);
});

test("a change of the last line end alone is shown", () => {
  assert.deepEqual(diff("a\n", "a").map(({ kind }) => kind), ["same", "head"]);
  assert.equal(diff("a", "a\n").at(-1).text, "the new text ends in a line feed, the other does not");
  assert.deepEqual(diff("a", "b").map(({ kind }) => kind), ["old", "new"]);
});

test("a summary marks that there is more", () => {
  assert.equal(summaryOf("bash", { command: "ls\nrm -rf ." }), "ls …");
  assert.equal(summaryOf("bash", { command: "ls\u00a0x" }), "ls⟨U+00A0⟩x");
});

test("the exit code of a shell is found where it stands at the end", () => {
  assert.equal(exitCode("out\n[exit code 2]"), 2);
  assert.equal(exitCode("out\nexit code: 127"), 127);
  assert.equal(exitCode("[exit code 2]\nmore"), null);
  assert.deepEqual(["out\n[exit code 2]", "[exit code 2]", "out\n[ended: it took 2 s]\n"].map(withoutEnd), ["out", "", "out"]);
  for (const text of ["out\nexit code: 127", "[exit code 2]\nmore", "a [warning] line"]) assert.equal(withoutEnd(text), text);
  assert.equal(endedBy("out\n[ended: it took longer than 5 s]"), "it took longer than 5 s");
  assert.equal(endedBy("[ended: x]\nmore"), "");
});

test("a model is told with what it holds and costs", () => {
  assert.equal(modelLabel({ model: "a/b", demo: false, context_limit: 128_000, input_usd: 1.25, output_usd: 10 }), "a/b (128k context, $1.25 in, $10 out per million)");
  assert.equal(modelLabel({ model: "a/b", demo: false, context_limit: 0, input_usd: null, output_usd: null }), "a/b");
});

test("a key is the letter that is printed on it, with Option and in scripts without Latin letters too", () => {
  const german = new Letters();
  assert.equal(german.of({ key: "y", code: "KeyZ" }), "y");
  assert.equal(german.of({ key: "Z", code: "KeyY" }), "z");
  assert.equal(german.of({ key: "¥", code: "KeyY" }), "y");
  german.learn({ key: "z", code: "KeyY", altKey: false });
  german.learn({ key: "Ω", code: "KeyZ", altKey: true });
  assert.equal(german.of({ key: "‡", code: "KeyY" }), "z");
  assert.equal(german.of({ key: "н", code: "KeyY" }), "z");
  assert.equal(german.of({ key: "ArrowUp", code: "ArrowUp" }), "");
});

test("the Enter that ends a composition in Safari is the input method's", () => {
  assert.ok(composing({ isComposing: false, keyCode: 229 }));
  assert.ok(composing({ isComposing: true, keyCode: 13 }));
  assert.ok(!composing({ isComposing: false, keyCode: 13 }));
});

test("the second file of a name has a number before its ending", () => {
  assert.deepEqual([1, 2, 3].map((number) => numbered("same.txt", number)), ["same.txt", "same (2).txt", "same (3).txt"]);
  assert.equal(numbered("a.tar.gz", 2), "a (2).tar.gz");
  assert.equal(numbered(".env", 2), ".env (2)");
  assert.equal(numbered("Makefile", 2), "Makefile (2)");
});

test("words are found in every row, in upper or lower case, and places stay those of the text", () => {
  const rows = [{ key: "a", text: "One and one." }, { key: "b", text: "none" }, { key: "c", text: "two" }];
  const finder = new Finder((row) => row.text);
  assert.deepEqual(finder.find(rows, "ONE"), [{ key: "a", nth: 0 }, { key: "a", nth: 1 }, { key: "b", nth: 0 }]);
  assert.deepEqual(finder.find(rows, "  "), []);
  assert.deepEqual(finder.find(rows, "three"), []);
  assert.equal(folded("\u0130stanbul").length, "\u0130stanbul".length);
  assert.equal(finder.find([{ key: "a", text: "a".repeat(30_000) }], "a").length, 10_000);
});

test("of a long text there is a beginning, and no character is cut in two", () => {
  assert.equal(beginningOf("short\n".repeat(40)), null);
  assert.equal(beginningOf("line\n".repeat(60)).split("\n").length, 15);
  assert.equal(beginningOf("a".repeat(4_001)).length, 1_200);
  assert.equal(beginningOf(`a${"\u{1f600}".repeat(4_000)}`).length, 1_199);
});

test("what may lose work is told apart in a command, whose words stay as they are", () => {
  const risky = (command) => riskParts(command).filter((_, at) => at % 2);
  const found = { "rm -rf build && git push --force origin main": ["rm -rf", "--force"], "rm -f a; sudo reboot": ["rm -f", "sudo"], "git reset --hard": ["--hard"], "curl x | sh -s": ["| sh"], "git push -f": ["push -f"] };
  for (const [command, parts] of Object.entries(found)) {
    assert.deepEqual(risky(command), parts);
    assert.equal(riskParts(command).join(""), command);
  }
  assert.deepEqual(risky("rm a.txt; git push; ls --forced-x; echo 'shell | shuf'"), []);
});

test("a list is divided by the days in which its times lie", () => {
  const now = new Date(2026, 2, 10, 9, 0);
  const at = (...when) => daysOf(new Date(2026, 2, ...when).toISOString(), now);
  assert.deepEqual([at(10, 0, 0), at(9, 23, 59), at(9, 0, 0), at(8, 23, 59), at(3, 12), at(2, 12)], ["Today", "Yesterday", "Yesterday", "The last 7 days", "The last 7 days", "Older"]);
  assert.equal(daysOf("no time", now), "");
});

test("what was found is told without the marks of Markdown, and what was found stays marked", () => {
  assert.deepEqual(plainParts(["## The ", "owls", " in **the wood** see `x_y`"]), ["The ", "owls", " in the wood see x_y"]);
  assert.deepEqual(plainParts(["**", "Owls", "** and *", "more", "* _of_ ~~them~~"]), ["", "Owls", " and ", "more", " of them"]);
  assert.deepEqual(plainParts(["> see [the ", "owl", "](https://a.example/b) and ![it](owl.png)"]), ["see the ", "owl", " and it"]);
  assert.deepEqual(plainParts(["[a](https://", "owl", ".example)"]), ["[a](https://", "owl", ".example)"]);
  assert.deepEqual(plainParts(["| name | ", "owl", " |\n|---|:-:|\n| 1 | 2 |"]), ["name · ", "owl", "\n\n1 · 2"]);
  assert.deepEqual(plainParts(["cat a | grep ", "owl", " | wc"]), ["cat a | grep ", "owl", " | wc"]);
  assert.deepEqual(plainParts(["- [x] seen\n2. [ ] ", "owl"]), ["- seen\n2. ", "owl"]);
  assert.deepEqual(plainParts(["far above the trees of the wood, in the dark, sat the grey ", "owl", ""]), ["…in the dark, sat the grey ", "owl", ""]);
  assert.deepEqual(plainParts(["far above the trees of the wood, in the dark, sat nobody"]), ["far above the trees of the wood, in the dark, sat nobody"]);
  assert.deepEqual(plainParts(["…the **end\n```python\nx = 2**3 * y\n```\n", "__init__", "(*.py)…"]), ["…the end\n\nx = 2**3 * y\n\n", "__init__", "(*.py)…"]);
});
