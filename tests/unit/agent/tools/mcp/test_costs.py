"""What MCP costs who has none, and how patiently one that fails is tried again."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from agent.util.backoff import Backoff
from tests.unit.agent.tools.mcp.house import ROOT


def test_the_library_is_not_loaded_where_no_server_is_configured() -> None:
    program = (
        "import sys, server.app; print([name for name in ('mcp', 'jsonschema', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.floats(0.01, 10), st.floats(1, 100), st.lists(st.just(0.0), min_size=1, max_size=40))
def test_pauses_grow_up_to_their_bound_and_begin_anew_after_a_while_up(
    initial: float, most: float, ups: list[float]
) -> None:
    backoff = Backoff(initial, most)
    for number, up_s in enumerate(ups):
        whole = min(initial * 2.0**number, most)
        assert whole / 2 <= backoff.pause_s(up_s) <= whole
    assert backoff.pause_s(most) <= min(initial, most)
