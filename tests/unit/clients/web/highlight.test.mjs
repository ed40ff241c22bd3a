// Highlighting: colours never change the text, in every language that the page knows. Run by test_node.py.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { ScopeTree, textOf } from "../../../../clients/web/app/markdown/highlight.js";

const FOLDER = new URL(`../../../../clients/web/vendor/${readdirSync(new URL("../../../../clients/web/vendor/", import.meta.url)).find((name) => name.startsWith("highlightjs"))}/`, import.meta.url);
const { default: hljs } = await import(new URL("core.min.js", FOLDER));
hljs.configure({ __emitter: ScopeTree });

const SAMPLE = `def hello(name: str, *args) -> None:
    """says hello"""
    print(f"hello {name}", 42)  # done
<a href="x">text</a> <script>let a = \`b \${c(1)}\`;</script>
fn main() { let x: u8 = 'c'; } // comment
SELECT a, b FROM t WHERE x = 'y';
key: [1, 2.5, "z"]
# Heading
-old
+new
if [ "$A" = "\${B}" ]; then echo $(ls -l | wc); fi
`;

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".min.js") && name !== "core.min.js")) {
  const name = file.replace(".min.js", "");
  const { default: language } = await import(new URL(file, FOLDER));
  hljs.registerLanguage(name, language);
  test(`${name}: no word is lost and something has a colour`, () => {
    const result = hljs.highlight(SAMPLE, { language: name, ignoreIllegals: true });
    assert.equal(result.errorRaised, undefined);
    assert.equal(textOf(result._emitter.root), SAMPLE);
    assert.ok(result._emitter.root.children.some((child) => typeof child !== "string"));
  });
}
