"""Settings loader: reads the config file, fills in environment variables, applies the command line, and checks all of it."""

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

import configs
from server.config import catalog
from server.config.interpolation import MAX_DEPTH, InterpolationError, interpolate
from server.config.removed import removed_message
from server.config.settings import Settings

TOP_LEVEL = {
    "yolo_mode": "policy.yolo_mode",
    "confirm_cpu_jobs": "policy.confirm_cpu_jobs",
    "auto_file_upload": "policy.auto_file_upload",
    "save_sessions": "export.save_sessions",
    "session_dataset_repo": "export.session_dataset_repo",
}
"""Settings that may also stand at the top level of the file, as clients of other agents write them."""


def _move_top_level(tree: dict[str, Any]) -> str | None:
    """Move the settings of `TOP_LEVEL` into their groups, in place. Returns a message if one of them is given twice."""
    for alias in [alias for alias in TOP_LEVEL if alias in tree]:
        value, key = tree.pop(alias), TOP_LEVEL[alias]
        *groups, name = key.split(".")
        group: Any = tree
        for part in groups:
            group = group.setdefault(part, {}) if isinstance(group, dict) else None
        if not isinstance(group, dict):
            continue  # the check of the groups reports this
        if name in group:
            return f"{alias}: this is the same setting as {key}, which is given too; delete one of them"
        group[name] = value
    return None


MAX_FILE_BYTES = 1_048_576
COMMAND_LINE = "command line"

Tree = dict[str, Any]


class SettingsError(Exception):
    """The settings cannot be used. The message is one line: the file, the dotted key, what is wrong, and what to do."""


def load_settings(path: Path, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings in the JSON file at `path`, with environment variables filled in from `environ`.

    `overrides` are from the command line, by dotted key; they replace what the file says. Raises `SettingsError`.
    """
    tree = _read(path)
    message = _move_top_level(tree)
    if message is not None:
        raise SettingsError(f"{path}: {message}")
    from_environment: dict[str, list[str]] = {}
    _fill_tree(tree, (), path, environ, from_environment)
    _check_keys(tree, Settings, (), path)
    sources = {key: f"from the environment variable {' and '.join(names)}" for key, names in from_environment.items()}
    for key, value in (overrides or {}).items():
        _put(tree, key, value)
        sources[key] = f"from the {COMMAND_LINE}"
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        _raise_for_entries(tree, path, sources)
        _raise(error, tree, path, sources)


def shipped_config() -> Path:
    """The path of the config file that is used when none is named."""
    return configs.MAIN_AGENT_CONFIG


def _read(path: Path) -> Tree:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_FILE_BYTES} bytes; this is no config file")
    try:
        tree = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path}: line {error.lineno} column {error.colno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}: line {line}: not UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise SettingsError(f'{path}: must be a JSON object of settings, such as {{"server": {{"port": 7860}}}}')
    return tree


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Tree:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice in one object; delete one of them")
    return tree


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _fill_tree(
    node: Any, place: tuple[str, ...], path: Path, environ: Mapping[str, str], from_environment: dict[str, list[str]]
) -> Any:
    """Fill in the variables of every string below `node`, in place. `from_environment` gets the variables of each key."""
    key = dotted(place)
    if len(place) > MAX_DEPTH:
        raise SettingsError(f"{path}: {key[:80]}: nested deeper than {MAX_DEPTH}")
    if isinstance(node, str):
        used: list[str] = []
        try:
            node = interpolate(node, environ, used.append)
        except InterpolationError as error:
            raise SettingsError(f"{path}: {key}: {error}") from error
        if used:
            from_environment[key] = used
    elif isinstance(node, dict):
        for name in node:
            node[name] = _fill_tree(node[name], (*place, name), path, environ, from_environment)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            node[index] = _fill_tree(item, (*place, str(index)), path, environ, from_environment)
    return node


def _check_keys(tree: Tree, group: type[msgspec.Struct], place: tuple[str, ...], path: Path) -> None:
    """Raise `SettingsError` for a key that is no setting, naming the nearest one that exists."""
    fields = {f.encode_name: f.type for f in msgspec.structs.fields(group)}
    for name, value in tree.items():
        if name not in fields:
            message = removed_message(dotted((*place, name)))
            if message is not None:
                raise SettingsError(f"{path}: {dotted((*place, name))}: {message}")
            hint = _did_you_mean(name, list(fields), place)
            raise SettingsError(f"{path}: {dotted((*place, name))}: there is no such setting; {hint}")
        inner = fields[name]
        if not isinstance(value, dict):
            continue
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            _check_keys(value, inner, (*place, name), path)
        elif (entry := catalog.entries(inner)) is not None:
            for key, one in value.items():
                if isinstance(one, dict):
                    _check_keys(one, entry, (*place, name, key), path)


def _did_you_mean(name: str, here: list[str], place: tuple[str, ...]) -> str:
    elsewhere = [s.key for s in catalog.settings() if s.key.rpartition(".")[2] == name]
    near = [dotted((*place, close)) for close in difflib.get_close_matches(name, here, n=1)]
    if near or elsewhere:
        return f"did you mean {(elsewhere or near)[0]}?"
    where = dotted(place)
    return f"{where or 'the file'} has {', '.join(here)}"


def dotted(place: tuple[str, ...]) -> str:
    """A key as it is written in messages: `server.port`."""
    return ".".join(place)


def _put(tree: Tree, key: str, value: object) -> None:
    *groups, name = key.split(".")
    for group in groups:
        inner = tree.setdefault(group, {})
        if not isinstance(inner, dict):
            inner = tree[group] = {}
        tree = inner
    tree[name] = value


def _raise_for_entries(tree: Tree, path: Path, sources: Mapping[str, str]) -> None:
    """For a fault in a named entry, such as an MCP server, put the entry's name into the message: msgspec leaves it out."""
    for f in msgspec.structs.fields(Settings):
        kind, named = catalog.entries(f.type), tree.get(f.encode_name)
        for name, entry in named.items() if kind is not None and isinstance(named, dict) else ():
            try:
                msgspec.convert(entry, kind, strict=False)
            except msgspec.ValidationError as error:
                _raise(error, tree, path, sources, (f.encode_name, name))


def _raise(
    error: msgspec.ValidationError, tree: Tree, path: Path, sources: Mapping[str, str], place: tuple[str, ...] = ()
) -> NoReturn:
    """Raise `SettingsError` for what msgspec found (`FAULT - at `$.server.port``, below `place`), with key, value and source."""
    fault, _, at = str(error).partition(" - at `$")
    key = dotted((*place, *re.sub(r"\[(\d+|\.\.\.)\]", r".\1", at.rstrip("`")).strip(".").split("."))).rstrip(".")
    value: Any = tree
    for name in key.split(".") if key else ():
        if isinstance(value, list) and name.isdigit():
            value = value[int(name)]
        else:
            value = value.get(name) if isinstance(value, dict) else None
    fault = fault.replace("`", "").replace("Expected", "expected").partition(", got")[0]
    setting = next((s for s in catalog.settings() if s.key == key), None)
    if setting is not None and setting.choices:
        fault = f"expected one of {', '.join(setting.choices)}"
    if isinstance(value, str | int | float) and not catalog.secret(key):
        fault = f"{fault}, but it is {json.dumps(value)[:100]}"
    where = COMMAND_LINE if sources.get(key, "").endswith(COMMAND_LINE) else str(path)
    source = f" ({sources[key]})" if key in sources and where != COMMAND_LINE else ""
    raise SettingsError(f"{where}: {key + ': ' if key else ''}{fault}{source}") from error
