"""Schema: holds each line between an editor and an agent against the JSON schemas of the protocol's own SDK."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from tests.support.paths import ROOT

SDK = ROOT / "tests/support/npm/acp/node_modules/@agentclientprotocol/sdk"
Line = dict[str, Any]


class Schema:
    """One version of the protocol."""

    def __init__(self, version: int) -> None:
        path = SDK / f"schema/v{version}/schema.json"
        if not path.exists():
            pytest.fail("the SDK of the Agent Client Protocol is missing: run `make test` once, it installs it", False)
        self._defs = json.loads(path.read_text())["$defs"]
        self._names: dict[tuple[str, bool], str] = {}
        for name, definition in self._defs.items():
            if "x-method" in definition:
                self._names[definition["x-method"], name.endswith("Response")] = name
        self._validators: dict[str, Any] = {}

    def fault(self, line: Line, method: str | None) -> str:
        """What is wrong with a line; empty if nothing is. `method`: of the request that a response answers."""
        if line.get("jsonrpc") != "2.0":
            return "no jsonrpc 2.0"
        if "method" in line:
            return self._check(self._names.get((line["method"], False)), line.get("params"))
        if "error" in line:
            return self._check("Error", line["error"])
        return self._check(self._names.get((method or "", True)), line.get("result"))

    def _check(self, name: str | None, body: object) -> str:
        if name is None:
            return "no such method"
        if name not in self._validators:
            schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": f"#/$defs/{name}"}
            self._validators[name] = jsonschema_rs.Draft202012Validator({**schema, "$defs": self._defs})
        error = next(self._validators[name].iter_errors(body), None)
        return "" if error is None else f"{name}: {error.message}"


@cache
def schema_of(version: int) -> Schema:
    """The schema of this version."""
    return Schema(version)


class Checker:
    """The lines of one connection, both ways: `faults` are those that the schema refuses."""

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.faults: list[str] = []
        self.count = 0
        self._asked: dict[tuple[bool, object], str] = {}

    def check(self, line: Line, *, by_agent: bool) -> None:
        """Take the next line."""
        self.count += 1
        if line.get("method") == "initialize":
            self.version = min(2, line["params"]["protocolVersion"])
        if "method" in line and "id" in line:
            self._asked[by_agent, line["id"]] = line["method"]
        method = None if "method" in line else self._asked.pop((not by_agent, line["id"]), None)
        fault = schema_of(self.version).fault(line, method)
        if fault:
            self.faults.append(f"{fault} - {json.dumps(line)[:500]}")
