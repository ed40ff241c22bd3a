"""The doctor looks at the machine: Python, descriptors, worker processes, the sandbox."""

from collections.abc import Mapping

from agent.sandbox.local.probe import probe
from agent.sandbox.settings import SandboxSettings
from server.config.loader import SettingsError
from server.doctor.finding import Finding, fail, ok, warn
from server.transport.listeners import refuse_workers

LEAST_PYTHON = (3, 11)
DESCRIPTORS = 4_096
"""A socket takes one; below this many a few hundred clients with their files and model calls may use them up."""


def python(version: tuple[int, int, int]) -> Finding:
    """Whether this Python is new enough."""
    spelled = ".".join(map(str, version))
    if version[:2] < LEAST_PYTHON:
        return fail("python", spelled, "install Python 3.11 or newer and make the environment anew with it")
    return ok("python", spelled)


def descriptors(soft: int, hard: int) -> Finding:
    """Whether the process may open enough files and sockets. A limit below 0 is none."""
    if 0 <= soft < DESCRIPTORS:
        most = "" if 0 <= hard < DESCRIPTORS else f" (up to {hard} without root)" if hard >= 0 else ""
        advice = (
            f"`ulimit -n {DESCRIPTORS}`{most}, or LimitNOFILE={DESCRIPTORS} in the systemd unit: each socket takes one"
        )
        return warn("descriptors", f"{soft} may be open", advice)
    return ok("descriptors", "any number may be open" if soft < 0 else f"{soft} may be open")


def workers(environ: Mapping[str, str]) -> Finding:
    """Whether somebody asks for several worker processes."""
    try:
        refuse_workers(environ)
    except SettingsError as error:
        return fail("workers", str(error), "unset WEB_CONCURRENCY, or set it to 1")
    return ok("workers", "one process serves all sessions")


def sandbox(settings: SandboxSettings, path: str) -> Finding:
    """Whether the agent's commands run, and in what. `path`: where programs are looked for, as in PATH."""
    match settings.kind:
        case "host":
            advice = "set sandbox.kind to `local`, unless this machine is nobody else's and may be lost"
            return warn("sandbox", "host: the agent's commands run unprotected, as the server's own user", advice)
        case "off":
            return ok("sandbox", "off: the agent runs no commands")
        case "hub" | "space":
            where = settings.space or settings.space_template if settings.kind == "space" else settings.hub_image
            return ok("sandbox", f"{settings.kind}: at the Hugging Face Hub ({where}), for who is logged in there")
    found = probe(path)
    if found.why:
        return warn("sandbox", f"local: no commands run, there is no tool `bash`: {found.why}", found.advice)
    return ok("sandbox", f"local: {found.version} at {found.program}, a sandbox starts")
