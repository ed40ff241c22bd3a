"""Costs of MCP: a server without MCP servers pays nothing."""

import subprocess
import sys

from tests.unit.agent.tools.mcp.servers import ROOT


def test_the_library_is_not_loaded_where_no_server_is_configured() -> None:
    program = (
        "import sys, server.app; print([name for name in ('mcp', 'jsonschema_rs', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
