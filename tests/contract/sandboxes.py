"""Sandboxes under test: every backend runs the same tests. A new backend is added here."""

import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from agent.sandbox.local.host import HostSandbox
from agent.sandbox.local.probe import Bubblewrap, Probe, probe
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import Sandbox
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.support.executors import disk, places
from tests.support.sandbox.remote import remote_setup

Opening = Callable[[Path, SandboxSettings], AbstractAsyncContextManager[Sandbox]]


def bubblewrap() -> Bubblewrap:
    """The program, or the test is skipped."""
    found = _probe(os.environ.get("PATH", os.defpath))
    if found.program is None:
        pytest.skip(f"no sandbox on this machine: {found.why}")
    return found.program


@functools.cache
def _probe(path: str) -> Probe:
    return probe(path)


@contextlib.asynccontextmanager
async def local(folder: Path, settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """Bubblewrap on this machine."""
    workspace = Workspace(folder / "workspace", WorkspaceLimits())
    sandbox = LocalSandbox(workspace, disk(), places(), settings, "a test", bubblewrap(), ())
    yield sandbox
    await sandbox.close()


@contextlib.asynccontextmanager
async def host(folder: Path, settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """The bare machine."""
    sandbox = HostSandbox(Workspace(folder / "workspace", WorkspaceLimits()), disk(), places(), settings, "a test")
    yield sandbox
    await sandbox.close()


@contextlib.asynccontextmanager
async def remote(kind: str, folder: Path, settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """A sandbox elsewhere, ready: what is told of its making is another test's subject."""
    with pytest.MonkeyPatch.context() as patch:
        async with remote_setup(kind, folder / kind, patch) as place:
            sandbox = place.sandbox()
            await sandbox.list(".", False)
            yield sandbox
            await sandbox.close()


def hub(folder: Path, settings: SandboxSettings) -> AbstractAsyncContextManager[Sandbox]:
    """A Job of the Hub's."""
    return remote("hub", folder, settings)


def space(folder: Path, settings: SandboxSettings) -> AbstractAsyncContextManager[Sandbox]:
    """A Space."""
    return remote("space", folder, settings)


BACKENDS: dict[str, Opening] = {"local": local, "host": host, "hub": hub, "space": space}
