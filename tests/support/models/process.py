"""Model process: a scripted model in a process of its own, as busy as it likes."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.forking.interpreter import python

ROOT = Path(__file__).resolve().parents[3]


@contextlib.asynccontextmanager
async def model_process() -> AsyncIterator[str]:
    """A running scripted model; its API base."""
    arguments = (*python(), "-m", "tests.support.models.scripted_model", "--port", "0")
    model = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert model.stdout is not None
        address = re.search(r"http\S+", (await model.stdout.readline()).decode())
        assert address is not None
        yield address[0]
    finally:
        model.kill()
        await model.communicate()
