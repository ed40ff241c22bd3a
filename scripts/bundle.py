"""Bundle: makes clients/web/app/markdown/reader.js of the modules in reading/ beside it and of npm's markdown-it.

    python scripts/bundle.py                      write the file
    python scripts/bundle.py --check              compare it with what would be written

The page needs markdown-it's parsers of blocks and of inline text alone. What it has besides (HTML, links by guess, typography,
addresses in their normal form, rules that the page has its own of) is left out. markdown-it and esbuild are those that the tests pin,
in tests/unit/clients/web.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "clients" / "web" / "app" / "markdown"
PACKAGES = ROOT / "tests" / "unit" / "clients" / "web" / "node_modules"
BUNDLE = PAGE / "reader.js"
HEAD = """// Made by scripts/bundle.py of the modules in reading/ and of markdown-it, whose licence is in vendor/. Change those, not this.
// @ts-nocheck

"""
REGION = re.compile(r"^//#region (\S+)\n(.*?)^//#endregion\n", re.MULTILINE | re.DOTALL)
INSTEAD = {
    "src/common/html_blocks.ts": "",
    "src/common/html_re.ts": "",
    "src/index.ts": "",
    "src/markdownit.ts": "",
    "src/renderer.ts": "",
    "src/rules_block/html_block.ts": "function html_block() { return false; }\n",
    "src/rules_block/table.ts": "function table() { return false; }\n",
    "src/rules_inline/html_inline.ts": "function html_inline() { return false; }\n",
    "src/rules_inline/linkify.ts": "function linkify() { return false; }\n",
    "src/rules_inline/strikethrough.ts": "const strikethrough_default = {};\n",
}
"""Parts of the package that are left out, and what stands for them."""
IMPORTS = """import { decodeHTMLStrict } from "ENTITIES";
const mdurl = {};
const ucmicro = { P: /\\p{P}/u, S: /\\p{S}/u };
"""
EXPORTS = "export { ParserBlock, ParserInline, parseLinkLabel, parseLinkDestination, parseLinkTitle };\n"


class BundleError(Exception):
    """Why the bundle could not be made."""


def main() -> int:
    """Write or check; the exit code."""
    try:
        made = built()
    except BundleError as error:
        print(f"bundle: error: {error}", file=sys.stderr)
        return 1
    if sys.argv[1:] != ["--check"]:
        BUNDLE.write_bytes(made)
    elif BUNDLE.read_bytes() != made:
        print(
            f"bundle: error: {BUNDLE.relative_to(ROOT)} is not what its sources make; run scripts/bundle.py",
            file=sys.stderr,
        )
        return 1
    return 0


def built() -> bytes:
    """The bundle. Raises BundleError."""
    with tempfile.TemporaryDirectory() as folder:
        parsers = Path(folder) / "markdown-it.mjs"
        parsers.write_text(trimmed((PACKAGES / "markdown-it" / "dist" / "markdown-it.mjs").read_text()))
        command: list[str | Path] = [
            PACKAGES / ".bin" / "esbuild",
            PAGE / "reading" / "reader.js",
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2023",
            "--charset=utf8",
            "--legal-comments=none",
            "--external:character-entities",
            f"--alias:markdown-it={parsers}",
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise BundleError(f"esbuild failed (`make test` installs it): {done.stderr.decode()}")
    return HEAD.encode() + done.stdout


def trimmed(text: str) -> str:
    """The package's module with its two parsers alone. Raises BundleError."""
    parts: dict[str, str] = dict(REGION.findall(text))
    missing = set(INSTEAD) - set(parts)
    if missing:
        raise BundleError(f"markdown-it has no {', '.join(sorted(missing))} any more")
    kept = "".join(INSTEAD.get(name, part) for name, part in parts.items())
    return IMPORTS.replace("ENTITIES", str(PAGE / "reading" / "entities.js")) + kept + EXPORTS


if __name__ == "__main__":
    sys.exit(main())
