"""Frame table: for each submission and event, the functions that decide, emit, fold and show it, read from the source.

The code is parsed and never imported. What the table relies on: a submission `x` is handled by a function `on_x` of
`agent/session`; an event is emitted by `emit(ev.X, ...)`; `protocol/view.py`, `clients/js/src/view.js` and the terminal's renderer
tell events apart in one `match` or `switch` each.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from protocol import events as ev
from protocol.events import Event
from protocol.submissions import Submission

ROOT = Path(__file__).parents[2]
DECIDING = "agent/session"
VIEW = "protocol/view.py"
WEB_VIEW = "clients/js/src/view.js"
WEB_NOTES = "clients/web/app/state/notes.js"
TERMINAL = "clients/terminal/render.py"
NONE = "none"

_JS_LABEL = re.compile(r'case "(\w+)":')
_JS_CASES = re.compile(r'((?:case "\w+":\s*)+)(?:return (\w+)\(view\b)?')
"""Labels that share their statements, and the function that these call."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


class FrameTableError(Exception):
    """The source is not as the table needs it: which frame has no handler, or more than one."""


def frame_tables(root: Path = ROOT) -> dict[str, str]:
    """The tables of docs/frames.md, by the names of its blocks. Raises FrameTableError."""
    session = DecidingCode(root / DECIDING)
    return {"submission_paths": _submissions(session), "event_paths": _events(session, root)}


def _submissions(session: "DecidingCode") -> str:
    tags = {struct.__name__: str(struct.__struct_config__.tag) for struct in get_args(Event)}
    rows = []
    for struct in get_args(Submission):
        name = str(struct.__struct_config__.tag)
        handler = session.handler(name)
        reached = session.emitted_by(handler)
        rows.append((f"`{name}`", f"`{handler}`", _codes(tags[event] for event in tags if event in reached)))
    return _table(("submission", "decided in", "events that the same decision may emit"), rows)


def _events(session: "DecidingCode", root: Path) -> str:
    view = MatchedCases((root / VIEW).read_text("utf-8"), "apply")
    terminal = MatchedCases((root / TERMINAL).read_text("utf-8"), "_event")
    web_view = switched_cases((root / WEB_VIEW).read_text("utf-8"), "apply")
    notes = switched_cases((root / WEB_NOTES).read_text("utf-8"), "noteOf")
    rows = []
    for struct in get_args(Event):
        name, tag = struct.__name__, str(struct.__struct_config__.tag)
        folded = view.function_of(name)
        if folded is None or tag not in web_view:
            raise FrameTableError(f"{VIEW} or {WEB_VIEW} does not fold `{tag}`")
        page = [f"view.js {web_view[tag]}", *(["notes.js noteOf"] if tag in notes else [])]
        shown = terminal.function_of(name)
        rows.append(
            (f"`{tag}`", _codes(session.emitters(name)), f"`{folded}`", _codes(page), f"`{shown}`" if shown else NONE)
        )
    return _table(("event", "emitted in", "folded in", "on the page", "in the terminal"), rows)


class DecidingCode:
    """The functions of `agent/session` as `module.function`, the events that each emits, and which of them it calls."""

    def __init__(self, folder: Path) -> None:
        self._modules = {path.stem: ast.parse(path.read_text("utf-8")) for path in sorted(folder.glob("*.py"))}
        self._functions = {
            f"{module}.{node.name}": (module, node)
            for module, tree in self._modules.items()
            for node in ast.walk(tree)
            if isinstance(node, Function)
        }

    def handler(self, submission: str) -> str:
        """The function that decides on a submission of this type. Raises FrameTableError."""
        found = [name for name in self._functions if name.endswith(f".on_{submission}")]
        if len(found) != 1:
            raise FrameTableError(
                f"`{submission}` is decided in {found or 'no function'}: name one function on_{submission}"
            )
        return found[0]

    def emitters(self, event: str) -> list[str]:
        """The functions that emit this event themselves. Raises FrameTableError if there are none."""
        found = [name for name, events in self._emitted.items() if event in events]
        if not found:
            raise FrameTableError(f"no function of {DECIDING} emits {event}")
        return found

    def emitted_by(self, function: str) -> set[str]:
        """The events that a function, or one that it calls, may emit."""
        reached, todo = set[str](), [function]
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += self._calls(name)
        return {event for name in reached for event in self._emitted[name]}

    @cached_property
    def _emitted(self) -> dict[str, set[str]]:
        return {name: set(_emitted_in(node)) for name, (_, node) in self._functions.items()}

    def _calls(self, name: str) -> Iterator[str]:
        module, function = self._functions[name]
        imported = dict(_imported_from(self._modules[module]))
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Name(id=called)):
                    target = imported.get(called, f"{module}.{called}")
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=called)):
                    target = f"{module if owner == 'self' else owner}.{called}"
                case _:
                    continue
            if target in self._functions:
                yield target


def _emitted_in(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="emit"), args=[ast.Attribute(value=ast.Name(id="ev"), attr=event), *_]
            ):
                yield event
            case ast.Call(func=ast.Attribute(attr="emit_chunk")):
                yield ev.AssistantChunk.__name__


def _imported_from(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The functions that a module imports by name: name -> `module.function`."""
    package = DECIDING.replace("/", ".")
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{package}."):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module.removeprefix(f'{package}.')}.{alias.name}"


class MatchedCases:
    """A module that tells events apart in `match` statements, of which `first` is the outermost function."""

    def __init__(self, source: str, first: str) -> None:
        tree = ast.parse(source)
        self._functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
        self._first = first

    def function_of(self, event: str) -> str | None:
        """The function that handles this event: the innermost one that is passed the event alone; None if there is none."""
        return self._search(self._first, event)

    def _search(self, name: str, event: str) -> str | None:
        for case in self._cases(name):
            named = event in _named_in(case.pattern)
            if named or (isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None):
                inner = self._passed_on(case)
                if inner is None:
                    return name if named else None
                return self._search(inner, event) or (inner if named else None)
        return None

    def _cases(self, name: str) -> Iterator[ast.match_case]:
        for node in ast.walk(self._functions[name]):
            if isinstance(node, ast.Match):
                yield from node.cases

    def _passed_on(self, case: ast.match_case) -> str | None:
        """The function of this module that a case does nothing but call."""
        match case.body:
            case [ast.Return(value=ast.Call() as call)] | [ast.Expr(value=ast.Call() as call)]:
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                return name if name in self._functions and _passes_event(call) else None
        return None


def _passes_event(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.Name) and argument.id == "event" for argument in call.args)


def _named_in(pattern: ast.pattern) -> set[str]:
    return {
        node.cls.attr
        for node in ast.walk(pattern)
        if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Attribute)
    }


def switched_cases(source: str, function: str) -> dict[str, str]:
    """The cases of the `switch` in a JavaScript function: case -> the function that it calls with the view, else this one."""
    body = re.search(rf"^export function {function}\(.*?^}}", source, re.MULTILINE | re.DOTALL)
    if body is None:
        raise FrameTableError(f"there is no exported function {function}")
    found: dict[str, str] = {}
    for labels in _JS_CASES.finditer(body[0]):
        found |= dict.fromkeys(_JS_LABEL.findall(labels[1]), labels[2] or function)
    return found


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or NONE


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns: list[Any] = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
