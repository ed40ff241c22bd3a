"""Generated files: which documents are generated from the code, how, and whether they are up to date."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.models.catalog import DEFAULT_MODELS
from agent.policy.policy import DELETING_COMMANDS
from protocol.spec import markdown as protocol
from protocol.spec.markdown import fill
from server.cli.frame_table import frame_tables
from server.config import catalog
from server.config.loader import shipped_config
from server.http.table import openapi_document

MEND = "make schema"

_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)")


class Artifact(msgspec.Struct, frozen=True):
    """A generated file: its path in the project, and its whole text. A page is text by hand around generated tables."""

    path: str
    text: Callable[[], str] | None = None
    tables: Callable[[], dict[str, str]] | None = None

    def wanted(self, root: Path) -> str:
        """What the file should hold. Raises FileNotFoundError for a page that is not there."""
        if self.tables is not None:
            return fill((root / self.path).read_text(encoding="utf-8"), self.tables())
        return self.text() if self.text is not None else ""

    def stale(self, root: Path) -> bool:
        """Whether it does not hold that."""
        path = root / self.path
        return not path.exists() or path.read_text(encoding="utf-8") != self.wanted(root)


def artifacts() -> list[Artifact]:
    """All generated files."""
    return [
        *(Artifact(path, text=text) for path, text in protocol.artifacts().items()),
        Artifact("docs/openapi.json", text=http_routes),
        Artifact("docs/protocol.md", tables=protocol.protocol_tables),
        Artifact("docs/frames.md", tables=frame_tables),
        Artifact("docs/configuration.md", tables=tables),
        Artifact("docs/tools.md", tables=tool_tables),
    ]


def check(root: Path) -> list[str]:
    """The paths of the files that are not as the code would have them."""
    return [artifact.path for artifact in artifacts() if artifact.stale(root)]


def write(root: Path) -> list[str]:
    """Bring all files up to date; gives the paths of those that changed. Raises OSError."""
    changed = [artifact for artifact in artifacts() if artifact.stale(root)]
    for artifact in changed:
        (root / artifact.path).write_text(artifact.wanted(root), encoding="utf-8")
    return [artifact.path for artifact in changed]


def tool_tables() -> dict[str, str]:
    """The tables of docs/tools.md, by the names of its blocks."""
    rows = (f"| `{pattern.replace('|', chr(92) + '|')}` | {reason} |" for pattern, reason in DELETING_COMMANDS.items())
    return {"deleting_commands": "\n".join(["| a `command` with | asks, because |", "| --- | --- |", *rows]) + "\n"}


def json_schema() -> str:
    """The protocol's JSON Schema."""
    return protocol.artifacts()["docs/schema.json"]()


def asyncapi() -> str:
    """The protocol's AsyncAPI document."""
    return protocol.artifacts()["docs/asyncapi.json"]()


def http_routes() -> str:
    """The HTTP routes' OpenAPI document."""
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"


def tables() -> dict[str, str]:
    """The tables of docs/configuration.md."""
    return {"settings": settings_tables(), "models": model_table()}


def settings_tables() -> str:
    """A table of settings for each group."""
    variables = environment()
    parts: list[str] = []
    for group, about in catalog.groups().items():
        parts += [f"### `{group}`", "", about, ""]
        rows = [
            [
                f"`{s.key}`",
                s.type,
                s.unit,
                s.range,
                f"`{s.default}`",
                " ".join(f"`{name}`" for name in variables.get(s.key, [])),
                s.meaning,
            ]
            for s in catalog.settings()
            if s.key.rpartition(".")[0] == group
        ]
        parts += [table(["Setting", "Type", "Unit", "Range", "Default", "Environment", "Meaning"], rows)]
    return "\n".join(parts)


def model_table() -> str:
    """Which model is chosen by which credentials."""
    return table(
        ["If this is set", "this model answers"], [[f"`{name}`", f"`{model}`"] for name, model in DEFAULT_MODELS]
    )


def environment() -> dict[str, list[str]]:
    """The variables that the shipped config file takes, by dotted key."""
    found: dict[str, list[str]] = {}

    def visit(node: object, place: str) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                visit(value, f"{place}.{name}".lstrip("."))
        elif isinstance(node, str) and (names := _VARIABLE.findall(node)):
            found[place] = names

    visit(json.loads(shipped_config().read_text(encoding="utf-8")), "")
    return found


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
