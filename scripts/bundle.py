"""Bundle: makes page.js, the page's script, two modules of app/markdown (reader.js, temml.js), and diagram.html.gz and pdf.html.gz. All are in clients/web.

    python scripts/bundle.py                      write the files
    python scripts/bundle.py --check              compare them with what would be written

page.js is app/main.js with all that it imports, so that a browser loads the page by one request and not by seventy. What
is loaded when it is needed (languages to highlight, formulas, rare named characters) stays apart.

reader.js is reading/ beside it with markdown-it's parsers of blocks and of inline text. What markdown-it has besides (HTML,
links by guess, typography, addresses in their normal form, rules that the page has its own of) is left out. temml.js is the
package's own script, as a module. diagram.html.gz is the frame that draws diagrams: mermaid's own script and app/diagram.js, in the
document, for a frame without an origin gets no file of the server's. pdf.html.gz is the frame that draws PDF files: app/pdf.js with pdf.js, and the text of pdf.js's worker. The packages and esbuild are those that the tests pin, in tests/unit/clients/web.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "clients" / "web"
MARKDOWN = WEB / "app" / "markdown"
PACKAGES = ROOT / "tests" / "unit" / "clients" / "web" / "node_modules"
PAGE_HEAD = """// Made by scripts/bundle.py of app/main.js and all that it imports; the licences are in vendor/. Change those, not this.
"""
HEAD = """// Made by scripts/bundle.py of the modules in reading/ and of markdown-it, whose licence is in vendor/. Change those, not this.
// @ts-nocheck

"""
TEMML_HEAD = """// Made by scripts/bundle.py of temml, whose licence is in vendor/: TeX as a tree of MathML.
// @ts-nocheck

"""
DIAGRAM_HEAD = """<!doctype html>
<!-- Made by scripts/bundle.py of mermaid, whose licence is in vendor/, and of app/diagram.js. Change those, not this. -->
<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="script-src HASHES"><title>Diagram</title><body>
"""
"""The policy lets no other script run; the rest of it is a header."""
PDF_HEAD = """<!doctype html>
<!-- Made by scripts/bundle.py of pdf.js, whose licence is in vendor/, and of app/pdf.js. Change those, not this. -->
<html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="script-src HASHES; worker-src blob:"><title>PDF</title>
<style>body { margin: 0; font: 0.8125rem sans-serif; text-align: center; } canvas { display: block; width: 100%; } p { margin: 0.375rem; }</style>
<body tabindex="0">
"""
LATER = {"./formulas.js": "./app/markdown/formulas.js"}
"""Modules of ours that are loaded when they are needed, by the name that they are imported by, and what it is in page.js. They import
nothing that page.js has too: it would be there twice."""
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
        check_versions()
        made = {
            MARKDOWN / "reader.js": reader,
            MARKDOWN / "temml.js": temml,
            WEB / "page.js": page,
            WEB / "diagram.html.gz": diagram,
            WEB / "pdf.html.gz": pdf,
        }
        for path, make in made.items():
            content, packed = make(), path.suffix == ".gz"
            if sys.argv[1:] != ["--check"]:
                path.write_bytes(gzip.compress(content, 9, mtime=0) if packed else content)
            elif (gzip.decompress(path.read_bytes()) if packed else path.read_bytes()) != content:
                raise BundleError(f"{path.relative_to(ROOT)} is not what its sources make; run scripts/bundle.py")
    except BundleError as error:
        print(f"bundle: error: {error}", file=sys.stderr)
        return 1
    return 0


def check_versions() -> None:
    """What is bundled has the version that vendor/VENDOR.json names, with its licence. Raises BundleError."""
    for package in json.loads((WEB / "vendor" / "VENDOR.json").read_text())["packages"]:
        manifest = PACKAGES / package["name"] / "package.json"
        if not package["files"] and (
            not manifest.is_file() or json.loads(manifest.read_text())["version"] != package["version"]
        ):
            raise BundleError(
                f"{package['name']} {package['version']} is not in {PACKAGES.relative_to(ROOT)}; `make test` installs it"
            )


def page() -> bytes:
    """The page's script. Raises BundleError. Names stay as they are, so that a report of a fault can be read."""
    apart = ("highlight", "highlight/*", "character-entities", *(f"*{name[1:]}" for name in LATER))
    external = (f"--external:{name}" for name in apart)
    made = esbuild(WEB / "app" / "main.js", "--minify-whitespace", "--minify-syntax", *external).decode()
    for name, path in LATER.items():
        if made.count(f'"{name}"') != 1:
            raise BundleError(f"{path} is not imported by one import() as {name}")
        made = made.replace(f'"{name}"', f'"{path}"')
    return (PAGE_HEAD + made).encode()


def temml() -> bytes:
    """The package's script, as a module."""
    script = (PACKAGES / "temml" / "dist" / "temml.min.js").read_text()
    return f"{TEMML_HEAD}{script}\nexport const tree = temml.__renderToMathMLTree;\n".encode()


def diagram() -> bytes:
    """The frame's document. Nothing in a script may end it before its end (HTML, 4.12.1.3)."""
    scripts = (PACKAGES / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js", WEB / "app" / "diagram.js")
    texts = [inline(path.read_text()) for path in scripts]
    hashes = " ".join(map(hash_of, texts))
    return "".join([DIAGRAM_HEAD.replace("HASHES", hashes), *(f"<script>{text}</script>\n" for text in texts)]).encode()


def pdf() -> bytes:
    """The frame's document. The worker's text is data in it, which app/pdf.js starts. Raises BundleError."""
    build = PACKAGES / "pdfjs-dist" / "legacy" / "build"
    options = ("--minify", "--format=iife", "--log-level=error", "--define:import.meta.url=''")
    script, worker = (
        inline(esbuild(path, *options).decode()) for path in (WEB / "app" / "pdf.js", build / "pdf.worker.mjs")
    )
    head = PDF_HEAD.replace("HASHES", hash_of(script))
    return f'{head}<script type="text/plain" id="worker">{worker}</script>\n<script>{script}</script>\n'.encode()


def inline(script: str) -> str:
    """The script with nothing in it that would end its element, as it may stand in strings and patterns alone."""
    return re.sub(r"<(?=!--|/?script)", r"\\x3C", script, flags=re.IGNORECASE)


def hash_of(script: str) -> str:
    """As a content security policy names an inline script."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def reader() -> bytes:
    """The bundle of the reader. Raises BundleError."""
    with tempfile.TemporaryDirectory() as folder:
        parsers = Path(folder) / "markdown-it.mjs"
        parsers.write_text(trimmed((PACKAGES / "markdown-it" / "dist" / "markdown-it.mjs").read_text()))
        options = ("--minify", "--external:character-entities", f"--alias:markdown-it={parsers}")
        return HEAD.encode() + esbuild(MARKDOWN / "reading" / "reader.js", *options)


def esbuild(entry: Path, *options: str) -> bytes:
    """One module of this one and what it imports. Raises BundleError."""
    common = ("--bundle", "--format=esm", "--target=es2023", "--charset=utf8", "--legal-comments=none")
    command: list[str | Path] = [PACKAGES / ".bin" / "esbuild", entry, *common, *options]
    environ = {**os.environ, "NODE_PATH": str(PACKAGES)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, env=environ)
    if done.returncode:
        raise BundleError(f"esbuild failed (`make test` installs it): {done.stderr.decode()}")
    return done.stdout


def trimmed(text: str) -> str:
    """The package's module with its two parsers alone. Raises BundleError."""
    parts: dict[str, str] = dict(REGION.findall(text))
    missing = set(INSTEAD) - set(parts)
    if missing:
        raise BundleError(f"markdown-it has no {', '.join(sorted(missing))} any more")
    kept = "".join(INSTEAD.get(name, part) for name, part in parts.items())
    return IMPORTS.replace("ENTITIES", str(MARKDOWN / "reading" / "entities.js")) + kept + EXPORTS


if __name__ == "__main__":
    sys.exit(main())
