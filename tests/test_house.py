"""The rules of the house, held against every source file: who may import whom, who starts tasks, how big a room is."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ("protocol", "agent", "server", "clients")
AROUND = ("benchmarks", "scripts", "tests")
MAX_LINES = 350

# Who may import whom. A command line is where the ways meet: it may start the client that it ships with.
MAY_IMPORT = {
    "protocol": {"protocol"},
    "agent": {"agent", "protocol"},
    "server": {"server", "agent", "protocol"},
    "clients": {"clients", "protocol"},
}
MEETING_POINTS = {"server/cli/main.py": {"clients"}}

# Libraries with one door. A folder stands for all that is below it. Logins are no part of any session's journal, and
# have a file of their own.
ONE_DOOR: dict[str, str | tuple[str, ...]] = {
    "litellm": "agent/models/",
    "openai": "agent/models/",
    "huggingface_hub": ("agent/hub/", "agent/sandbox/", "agent/tools/"),
    "httpcore": "agent/tools/web/",
    "bs4": "agent/tools/web/html_program.py",
    "markdownify": "agent/tools/web/html_program.py",
    "mcp": "agent/tools/mcp/",
    "mcp_types": "agent/tools/mcp/",
    "sqlite3": ("server/journal/", "server/auth/login_store.py"),
    "authlib": "server/auth/",
    "joserfc": "server/auth/",
    "cryptography": "server/auth/encryption.py",
    "opentelemetry": "server/telemetry/tracing.py",
    "prometheus_client": "server/",
    "starlette": "server/",
    "uvicorn": "server/",
}

TASK_MAKERS = {"create_task", "ensure_future"}
QUEUES = {"Queue", "LifoQueue", "PriorityQueue"}

# Spelt in pieces, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(
    r"(?<![\w.\-}:/])/" + r"(?:home/(?!user\b|somebody\b)\w|Users/\w|root/|work/|tmp/\w+/\w+/\w|opt/(?:pypi|wheels))"
)


class Source(NamedTuple):
    """One source file: its path from the root, its text, its tree and all nodes of that."""

    path: str
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    @property
    def house(self) -> str:
        """The top-level folder."""
        return self.path.partition("/")[0]


class Import(NamedTuple):
    """One imported module, wherever in a file it is imported."""

    module: str
    line: int

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.module.partition(".")[0]


@cache
def read_source(path: str) -> Source:
    """One file, read once for all rules."""
    text = (ROOT / path).read_text(encoding="utf-8")
    tree = ast.parse(text, path)
    return Source(path, text, tree, tuple(ast.walk(tree)))


def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below the folders that exist."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(read_source(path.relative_to(ROOT).as_posix()) for path in paths if "node_modules" not in path.parts)


def imports(source: Source) -> Iterator[Import]:
    """Every import, lazy ones and those by name too."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import("." * node.level + (node.module or ""), node.lineno)
        elif isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(name.value, node.lineno)


def called_name(call: ast.Call) -> str:
    """`f` of `f()` and of `a.b.f()`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def judge(folders: tuple[str, ...], faults: Callable[[Source], Iterator[str]], reason: str, remedy: str) -> None:
    """Fail with every fault that `faults` finds, why it is one, and what to do."""
    found = [fault for source in sources(*folders) for fault in faults(source)]
    if found:
        listed = "\n  ".join(found)
        pytest.fail(f"{len(found)} against the rule:\n  {listed}\nWhy: {reason}\nRemedy: {remedy}", pytrace=False)


def test_imports_run_one_way() -> None:
    def faults(source: Source) -> Iterator[str]:
        allowed = MAY_IMPORT[source.house] | MEETING_POINTS.get(source.path, set())
        for found in imports(source):
            if found.top in {*HOUSE, *AROUND} - allowed:
                yield f"{source.path}:{found.line} imports {found.module}"

    judge(
        HOUSE,
        faults,
        "imports run server -> agent -> protocol and clients -> protocol: the mind can then be read, tested and moved "
        "without the body, and a client knows the wire alone.",
        "move what is shared down to the package that both may import, or hand it in as an argument.",
    )


def test_the_protocol_imports_msgspec_alone() -> None:
    def faults(source: Source) -> Iterator[str]:
        for found in imports(source):
            if found.top not in {"protocol", "msgspec", *sys.stdlib_module_names}:
                yield f"{source.path}:{found.line} imports {found.module}"

    judge(
        ("protocol",),
        faults,
        "whoever speaks the wire imports protocol/; it must cost them one small library.",
        "do it where it is needed, in agent/, server/ or clients/, and keep protocol/ to words and their codec.",
    )


@pytest.mark.parametrize("library", sorted(ONE_DOOR))
def test_a_library_has_one_door(library: str) -> None:
    door = ONE_DOOR[library]
    named = door if isinstance(door, str) else " and ".join(door)

    def faults(source: Source) -> Iterator[str]:
        for found in imports(source):
            if found.top == library and not source.path.startswith(door):
                yield f"{source.path}:{found.line} imports {found.module}"

    judge(
        HOUSE,
        faults,
        f"only {named} knows of {library}: what it costs, how it fails and how to replace it is then known in one place.",
        f"ask {named} for what you need, in terms of its own interface.",
    )


def test_tasks_are_started_by_their_owner() -> None:
    def faults(source: Source) -> Iterator[str]:
        if source.path == "agent/util/tasks.py":
            return
        groups = set(task_groups(source))
        for node in source.nodes:
            if isinstance(node, ast.Call) and called_name(node) in TASK_MAKERS and ast.unparse(node.func) not in groups:
                yield f"{source.path}:{node.lineno} calls {ast.unparse(node.func)}"

    judge(
        (*HOUSE, *AROUND),
        faults,
        "a task without an owner outlives what started it, and its exception is heard by nobody.",
        "agent.util.tasks.TaskOwner.start(coroutine, name), closed by who made the owner; in clients/, which may not import "
        "agent/, the function that clients.session.tasks.owned_tasks() gives.",
    )


def task_groups(source: Source) -> Iterator[str]:
    """`group.create_task` for each `async with asyncio.TaskGroup() as group`: these end with their block."""
    for node in source.nodes:
        for item in node.items if isinstance(node, ast.AsyncWith) else ():
            opened = item.context_expr
            if isinstance(opened, ast.Call) and called_name(opened) == "TaskGroup" and item.optional_vars is not None:
                yield f"{ast.unparse(item.optional_vars)}.create_task"


def test_every_queue_has_a_bound() -> None:
    def faults(source: Source) -> Iterator[str]:
        for node in source.nodes:
            if isinstance(node, ast.Call) and called_name(node) in QUEUES and not bounded(node):
                yield f"{source.path}:{node.lineno} makes {ast.unparse(node)}"

    judge(
        (*HOUSE, *AROUND),
        faults,
        "a queue without a bound is memory that somebody else fills.",
        "give it a maxsize from the settings or a named limit, and decide what happens when it is full.",
    )


def bounded(queue: ast.Call) -> bool:
    """Whether a queue's maxsize is given and is not a literal that means none."""
    given = [*queue.args[:1], *(word.value for word in queue.keywords if word.arg == "maxsize")]
    if not given:
        return False
    try:
        return bool(ast.literal_eval(given[0]) > 0)
    except ValueError:
        return True  # a name or an expression: it is said somewhere


def test_every_file_says_its_place_in_its_first_line() -> None:
    def faults(source: Source) -> Iterator[str]:
        first = source.tree.body[0] if source.tree.body else None
        if first is None:
            return  # an empty file only marks a package
        says = (
            isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
        )
        allowed = 2 if source.text.startswith("#!") else 1
        if not says or first.lineno > allowed or not (ast.get_docstring(source.tree) or "").strip():
            yield f"{source.path}:1"

    judge(
        (*HOUSE, *AROUND),
        faults,
        "who opens a file learns from its first line where in the house they are.",
        "begin the file with a docstring whose first line says what the file is for.",
    )


def test_no_file_is_too_long_to_read_at_a_sitting() -> None:
    def faults(source: Source) -> Iterator[str]:
        lines = source.text.count("\n")
        if lines >= MAX_LINES:
            yield f"{source.path} has {lines} lines"

    judge(
        (*HOUSE, *AROUND),
        faults,
        f"a file has one subject and fewer than {MAX_LINES} lines; a longer one has two subjects.",
        "find the second subject and give it a file, named by the field's term for it.",
    )


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Every text file that git knows; without git (an unpacked archive), nothing."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    for name in filter(None, listed.stdout.split("\0")):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue  # no text, or deleted and not yet committed


def test_no_tracked_file_names_a_path_of_the_machine_it_was_made_on() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n  ".join(
        [
            "paths of one machine mean nothing on another; say them relative to the checkout, or as a placeholder:",
            *found,
        ]
    )


@pytest.mark.parametrize(
    "lock",
    [
        "requirements.lock",
        "tests/support/npm/node.lock",
        "tests/support/npm/mcp/package-lock.json",
        "tests/support/npm/wscat/package-lock.json",
        "tests/unit/clients/web/package-lock.json",
    ],
)
def test_a_lock_names_no_registry(lock: str) -> None:
    named = [
        f"{lock}:{number}: {line.strip()[:100]}"
        for number, line in enumerate((ROOT / lock).read_text().splitlines(), 1)
        if "://" in line and '"url": "https://' not in line
    ]
    assert not named, "\n  ".join(
        ["versions and hashes are enough, so that any mirror serves; run `make lock`:", *named]
    )


def test_the_lock_holds_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    asked = [Requirement(text) for text in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]]
    missing = [
        str(need) for need in asked if not need.specifier.contains(locked.get(canonicalize_name(need.name), "0"))
    ]
    assert not missing, f"requirements.lock does not answer to pyproject.toml: {missing}; run `make lock`"
