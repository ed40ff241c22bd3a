"""Loading LiteLLM: at first use, once, without the network."""

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.models import Models, ModelSettings

_QUIET = """
import socket, sys
def no_network(self, address): raise OSError(f"tried to connect to {address}")
socket.socket.connect = no_network
import agent.models
assert "litellm" not in sys.modules, "importing the models must not import LiteLLM"
assert "httpx" not in sys.modules and "openai" not in sys.modules
import asyncio
import importlib
from agent.models import *
from agent.models import demo
demo.TOKEN_MS = 0.0
received = []
async def sink(kind, text): received.append(text)
async def main():
    models = Models(ModelSettings())
    assert models.info("demo").demo
    reply = await models.call(ModelRequest("demo", [{"role": "user", "content": "think"}], []), sink)
    assert reply.finish_reason == "stop" and reply.usage.cost_usd == 0
    assert models.info("openai/gpt-4o").context_limit == 128_000
    assert models.info("gemini/gemini-flash-latest").context_limit > 500_000
    await models.aclose()
asyncio.run(main())
sys.stderr.write("loaded" if received else "silent")
"""


def test_the_demo_answers_without_network_and_nothing_is_printed() -> None:
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", _QUIET], capture_output=True, text=True, timeout=110, check=False, cwd=root
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "loaded")


async def test_loading_by_many_is_loading_once_and_may_be_repeated() -> None:
    models = Models(ModelSettings())
    await asyncio.gather(*(models.load() for _ in range(20)))
    await models.load()
    await models.aclose()
    await models.load()
    await models.aclose()


async def test_the_tokenizer_that_litellm_keeps_twice_is_kept_once_and_still_counts() -> None:
    models = Models(ModelSettings())
    await models.load()
    utils: Any = importlib.import_module("litellm.utils")
    assert utils.json_data is None, "13 MiB that nothing reads"
    assert utils.token_counter(model="claude-2", text="hello tokens of the world") == 5
    await models.aclose()
