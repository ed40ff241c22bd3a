"""Fixtures of the Hugging Face tools: the stand-in Hub, a login of the server that must never be used, sessions."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, get_token

from agent.hub.http import prepare
from agent.sandbox.local.files import LocalFiles
from agent.tools import ToolRouter, Workspace, WorkspaceLimits
from agent.tools.hub import HubClient, HubSettings, hub_tools
from agent.util.places import SERVER
from tests.support.constants import built_in
from tests.support.executors import disk, hub_threads, places
from tests.support.hub.standin_hub import StandinHub, standin_hub
from tests.unit.agent.tools.hub.sessions import POISON, Parts, Session

prepare()  # this import and the one of HfApi take longer than some tests give a call
HfApi(token=False)


@pytest.fixture(autouse=True)
def _server_is_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The process has a login of its own, in the environment and on disk."""
    (tmp_path / "login").write_text(POISON)
    monkeypatch.setenv("HF_TOKEN", POISON)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "login"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    assert get_token() == POISON


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    """No thread of ours is left behind."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("hub"):
            thread.join(10)
            assert not thread.is_alive(), thread.name


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def hub(parts: Parts) -> AsyncIterator[StandinHub]:
    """The Hub, with alice and bob; at the end it has heard the server's own login from nobody."""
    async with standin_hub(*parts.routes()) as stand_in:
        stand_in.users.update({"hf_alice": "alice", "hf_bob": "bob"})
        yield stand_in
    assert POISON not in {request.token for request in stand_in.faults.received}
    assert stand_in.faults.received, "nothing was asked: the test proves nothing"


@pytest.fixture
async def session(hub: StandinHub, tmp_path: Path) -> AsyncIterator[Callable[..., Session]]:
    """Makes a session of a user (`alice`, `bob`, or "" for nobody known); settings of the tools by name."""
    made: list[Session] = []

    def make(user: str = "alice", **bounds: object) -> Session:
        settings = HubSettings(
            **built_in(
                "hub",
                {
                    "endpoint": hub.url,
                    "datasets_server": f"{hub.url}/viewer",
                    "timeout_s": 10.0,
                    "poll_s": 0.01,
                    **bounds,
                },
            )
        )
        threads = hub_threads()
        workspace = Workspace(tmp_path / f"session{len(made)}", WorkspaceLimits())
        files = LocalFiles(workspace, disk(), places())
        tools = hub_tools(HubClient(settings, threads, f"hf_{user}" if user else None, SERVER), files, timeout_s=20.0)
        made.append(Session(ToolRouter(tools), threads, workspace))
        return made[-1]

    yield make
    for one in made:
        await one.router.aclose()
        await one.threads.aclose()
