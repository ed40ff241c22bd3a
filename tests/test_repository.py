"""Rules for every file: what protocol/ may import, who starts tasks and threads, bounded queues, first lines, file and folder sizes, lock files.

Who may import whom is held by import-linter: see tool.importlinter in pyproject.toml.
"""

import ast
import gc
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
PRODUCT = ("protocol", "agent", "server", "clients", "configs")
TOOLING = ("benchmarks", "scripts", "tests")
MAX_LINES = 350
MAX_FILES = 20
MAX_FLAT = 4

TASK_MAKERS = {"create_task", "ensure_future"}
THREAD_MAKERS = {"agent/util/executors.py", "agent/util/threads.py"}
PROCESS_STARTS = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}
DEFAULT_EXECUTOR_CALLS = {"to_thread", "run_in_executor", "run_in_threadpool", "run_sync", "ThreadPoolExecutor"}
LOOK_UPS = {"getaddrinfo", "getnameinfo"}
"""Methods of the loop; those of `socket`, which nobody awaits, block where they are called."""
QUEUES = {"Queue", "LifoQueue", "PriorityQueue"}

# Spelt in pieces, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(
    r"(?<![\w.\-}:/])/" + r"(?:home/(?!user\b|somebody\b)\w|Users/\w|root/|work/|tmp/\w+/\w+/\w|opt/(?:pypi|wheels))"
)


class Source(NamedTuple):
    """One source file: its path from the root, its text, its tree, and those nodes of that which a rule looks at."""

    path: str
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]


class Import(NamedTuple):
    """One imported module, wherever in a file it is imported."""

    module: str
    line: int

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.module.partition(".")[0]


@pytest.fixture(scope="module", autouse=True)
def many_nodes() -> Iterator[None]:
    """The trees of all files are millions of nodes: the garbage collector does not walk them, and they go with the rules."""
    gc.disable()
    yield
    read_source.cache_clear()
    gc.enable()


@cache
def read_source(path: str) -> Source:
    """One file, read once for all rules."""
    tree = ast.parse(text := (ROOT / path).read_text(encoding="utf-8"), path)
    looked_at = ast.AsyncWith, ast.Await, ast.Call, ast.Import, ast.ImportFrom
    return Source(path, text, tree, tuple(node for node in ast.walk(tree) if isinstance(node, looked_at)))


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


def test_the_protocol_imports_msgspec_alone() -> None:
    def faults(source: Source) -> Iterator[str]:
        for found in imports(source):
            if found.top not in {"protocol", "msgspec", *sys.stdlib_module_names}:
                yield f"{source.path}:{found.line} imports {found.module}"

    judge(
        ("protocol",),
        faults,
        "whoever speaks the wire imports protocol/; it must cost them one small library.",
        "do it where it is needed, in agent/, server/ or clients/, and keep protocol/ to the frames and their codec.",
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
        (*PRODUCT, *TOOLING),
        faults,
        "a task without an owner outlives what started it, and nobody handles its exception.",
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


def test_blocking_work_runs_in_the_executors_of_its_kind() -> None:
    def faults(source: Source) -> Iterator[str]:
        if source.path in THREAD_MAKERS:
            return
        awaited = {node.value for node in source.nodes if isinstance(node, ast.Await)}
        for node in source.nodes:
            if not isinstance(node, ast.Call):
                continue
            name = called_name(node)
            if name in DEFAULT_EXECUTOR_CALLS or (name in LOOK_UPS and node in awaited):
                yield f"{source.path}:{node.lineno} calls {ast.unparse(node.func)}"

    judge(
        ("agent", "server", "clients"),
        faults,
        "the event loop's default executor has a few threads for everything: work of one user that hangs would stop all others.",
        "agent.util.executors.Executors has an executor for each kind of work; its `run(work, holder)` bounds what one user takes.",
    )


def test_processes_are_started_without_a_copy_of_the_servers_memory() -> None:
    def faults(source: Source) -> Iterator[str]:
        for node in source.nodes:
            if isinstance(node, ast.Call) and called_name(node) in PROCESS_STARTS:
                yield f"{source.path}:{node.lineno} calls {ast.unparse(node.func)}"

    judge(
        ("agent", "server"),
        faults,
        "uvloop forks to start a process: that stops the event loop for some ten milliseconds, more the more memory the server has.",
        "agent.util.processes.start_process, or agent.util.programs.run_program for a program that runs to its end.",
    )


def test_every_queue_has_a_bound() -> None:
    def faults(source: Source) -> Iterator[str]:
        for node in source.nodes:
            if isinstance(node, ast.Call) and called_name(node) in QUEUES and not bounded(node):
                yield f"{source.path}:{node.lineno} makes {ast.unparse(node)}"

    judge(
        (*PRODUCT, *TOOLING),
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


def test_every_file_begins_with_a_docstring() -> None:
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
        (*PRODUCT, *TOOLING),
        faults,
        "who opens a file learns from its first line what it is for.",
        "begin the file with a docstring whose first line says what the file is for.",
    )


FIRST_LINE = re.compile(r"[`A-Z0-9].*?: \S")


def test_a_module_says_what_it_is_and_does() -> None:
    def faults(source: Source) -> Iterator[str]:
        lines = (ast.get_docstring(source.tree) or "").splitlines()
        if lines and not FIRST_LINE.match(lines[0]):
            yield f"{source.path}: {lines[0][:80]}"

    judge(
        (*PRODUCT, *TOOLING),
        faults,
        "a reader who looks for a thing reads first lines; each names the thing, then says what it does.",
        'write the first line as "Thing: what it does.", in the field\'s terms.',
    )


def test_no_folder_is_too_full() -> None:
    """Folders of third-party files, and pictures, are left out."""
    entries: dict[str, set[str]] = {}
    for name in tracked_names():
        folder, _, entry = name.rpartition("/")
        if "vendor" not in folder and folder != "docs/screenshots":
            entries.setdefault(folder, set()).add(entry)
    full = {folder: len(names) for folder, names in entries.items() if len(names) > MAX_FILES}
    assert not full, f"a folder holds at most {MAX_FILES} files; divide these by subject: {full}"


@pytest.mark.parametrize("package", ["agent", "clients", "server"])
def test_few_modules_lie_flat_in_a_top_level_package(package: str) -> None:
    flat = sorted(path.name for path in (ROOT / package).glob("*.py"))
    assert len(flat) <= MAX_FLAT, f"{package}/ has {len(flat)} modules beside its packages: {flat}; give each a package"


def test_no_file_is_too_long() -> None:
    def faults(source: Source) -> Iterator[str]:
        lines = source.text.count("\n")
        if lines >= MAX_LINES:
            yield f"{source.path} has {lines} lines"

    judge(
        (*PRODUCT, *TOOLING),
        faults,
        f"a file has one subject and fewer than {MAX_LINES} lines; a longer one has two subjects.",
        "find the second subject and give it a file, named by the field's term for it.",
    )


def tracked_names() -> list[str]:
    """Every file that git knows; without git (an unpacked archive), none."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.split("\0") if name]


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Every text file that git knows, with its text."""
    for name in tracked_names():
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
        *(
            f"tests/support/npm/{name}/package-lock.json"
            for name in ("acp", "ag_ui", "bun", "chromium", "clients", "mcp", "packages", "vscode", "wscat")
        ),
        "tests/unit/clients/web/package-lock.json",
    ],
)
def test_a_lock_names_no_registry(lock: str) -> None:
    named = [
        f"{lock}:{number}: {line.strip()[:100]}"
        for number, line in enumerate((ROOT / lock).read_text().splitlines(), 1)
        if "://" in line and '"url": "https://' not in line and "sponsor" not in line
    ]
    assert not named, "\n  ".join(
        ["versions and hashes are enough, so that any mirror serves; run `make lock`:", *named]
    )


def test_the_set_up_installs_each_folder_of_npm_packages() -> None:
    [named] = re.findall(r"NPM := (.*)", (ROOT / "Makefile").read_text())
    script = (ROOT / "scripts/set_up.py").read_text()
    assert not [folder for folder in named.split() if f'"{folder.removeprefix("tests/")}"' not in script]


def test_the_lock_holds_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    needs = [Requirement(text) for text in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]]
    missing = [
        str(need) for need in needs if not need.specifier.contains(locked.get(canonicalize_name(need.name), "0"))
    ]
    assert not missing, f"requirements.lock does not answer to pyproject.toml: {missing}; run `make lock`"
