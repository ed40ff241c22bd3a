"""Bundle: makes two modules of clients/web/app/markdown: reader.js of reading/ beside it and of markdown-it, temml.js of temml.

    python scripts/bundle.py                      write the files
    python scripts/bundle.py --check              compare them with what would be written

The page needs markdown-it's parsers of blocks and of inline text alone. What it has besides (HTML, links by guess, typography,
addresses in their normal form, rules that the page has its own of) is left out. temml is the package's own script, as a module. The
packages and esbuild are those that the tests pin, in tests/unit/clients/web.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "clients" / "web" / "app" / "markdown"
PACKAGES = ROOT / "tests" / "unit" / "clients" / "web" / "node_modules"
HEAD = """// Made by scripts/bundle.py of the modules in reading/ and of markdown-it, whose licence is in vendor/. Change those, not this.
// @ts-nocheck

"""
TEMML_HEAD = """// Made by scripts/bundle.py of temml, whose licence is in vendor/: TeX as a tree of MathML.
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
        made = {PAGE / "reader.js": reader(), PAGE / "temml.js": temml()}
        for path, content in made.items():
            if sys.argv[1:] != ["--check"]:
                path.write_bytes(content)
            elif path.read_bytes() != content:
                raise BundleError(f"{path.relative_to(ROOT)} is not what its sources make; run scripts/bundle.py")
    except BundleError as error:
        print(f"bundle: error: {error}", file=sys.stderr)
        return 1
    return 0


def temml() -> bytes:
    """The package's script, as a module."""
    script = (PACKAGES / "temml" / "dist" / "temml.min.js").read_text()
    return f"{TEMML_HEAD}{script}\nexport const tree = temml.__renderToMathMLTree;\n".encode()


def reader() -> bytes:
    """The bundle of the reader. Raises BundleError."""
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
