"""The doctor looks at the machine: Python, descriptors, worker processes, bubblewrap."""

import shutil
import subprocess
from collections.abc import Mapping

from server.doctor.finding import Finding, fail, ok, warn
from server.listen import refuse_workers
from server.settings_file import SettingsError

LEAST_PYTHON = (3, 11)
DESCRIPTORS = 4_096
"""A socket takes one; below this many a few hundred clients with their files and model calls may use them up."""
BWRAP_S = 10.0
BWRAP_TRY = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--die-with-parent", "true")


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


def bubblewrap(path: str) -> Finding:
    """Whether tools that run commands can be kept in a sandbox. `path`: where programs are looked for, as in PATH."""
    program = shutil.which("bwrap", path=path)
    if program is None:
        advice = "install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)"
        return warn("bubblewrap", "bwrap is not on the PATH: no commands can be run in a sandbox", advice)
    try:
        said = _run([program, "--version"])
        tried = _run([program, *BWRAP_TRY])
    except (OSError, subprocess.TimeoutExpired) as error:
        return warn("bubblewrap", f"{program} does not run: {error}", "install it again")
    version = said.stdout.strip() or "of unknown version"
    if tried.returncode:
        advice = (
            "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
            "kernel.apparmor_restrict_unprivileged_userns=0); in a container run it with the privileges for them"
        )
        why = (tried.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return warn("bubblewrap", f"{version} at {program}, but no sandbox starts: {why}", advice)
    return ok("bubblewrap", f"{version} at {program}, a sandbox starts")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=BWRAP_S, check=False)
