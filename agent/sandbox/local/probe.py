"""Whether bubblewrap can make a sandbox on this machine: found, and tried. Blocks for some milliseconds."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

TRY_S = 10.0
STAND_IN = 60_700
"""The user, and group, as whom a server run by root has its sandboxes run; no range of users holds it by default."""
STEP = "/mnt"
"""A folder of every system, into which all may look, that root's sandboxes find their workspace at."""
NEEDED = ("prlimit", "nice", "sh")
"""Programs that a sandbox starts commands with; looked for where commands will find them."""
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ISOLATION = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--disable-userns", "--new-session", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"),
)
"""What every sandbox is started with."""
TRIAL = (
    *ISOLATION,
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
    "true",
)


class Probe(msgspec.Struct, frozen=True):
    """What was found. `why`: why no sandbox starts, and empty where one does; `advice`: what to do then."""

    program: str = ""
    version: str = ""
    why: str = ""
    advice: str = ""


def probe(path: str | None = None) -> Probe:
    """Look for `bwrap` on `path` (as in PATH; None: the server's own), and start a sandbox that does nothing."""
    program = shutil.which("bwrap", path=path)
    if program is None:
        advice = "install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)"
        return Probe(why="bwrap is not on the PATH", advice=advice)
    program = str(Path(program).absolute())
    try:
        version = _run([program, "--version"]).stdout.strip() or "of unknown version"
        tried = _run([*stepping_down("/usr"), program, *TRIAL])
    except (OSError, subprocess.TimeoutExpired) as error:
        return Probe(program, why=f"{program} does not run: {error}", advice="install it again")
    if tried.returncode:
        return Probe(program, version, *_refused(version, tried.stderr))
    missing = [name for name in NEEDED if shutil.which(name, path=PROGRAMS) is None]
    if missing:
        advice = "install util-linux and coreutils"
        return Probe(program, version, f"{', '.join(missing)} not found: no limits can be set", advice)
    return Probe(program, version)


def stepping_down(source: str) -> tuple[str, ...]:
    """What a command line begins with so that root's sandboxes are not root's; `source` is then found at `STEP`.

    To the kernel they would still be: root's processes may write to /proc/sys whatever namespace they are in, and no
    limit counts them. `source`, the workspace, lies in folders that only root may enter, so it is shown elsewhere, in
    a mount namespace that is the command's own.
    """
    if os.geteuid() != 0:
        return ()
    found = {name: shutil.which(name, path=PROGRAMS) or name for name in ("unshare", "setpriv")}
    return (
        *(found["unshare"], "--mount", "--propagation", "private", "--", "/bin/sh", "-c"),
        *('mount --no-canonicalize --bind "$1" "$2" && shift 2 && exec "$@"', "sh", source, STEP),
        *(found["setpriv"], f"--reuid={STAND_IN}", f"--regid={STAND_IN}", "--clear-groups", "--no-new-privs", "--"),
    )


def counts_by_namespace() -> bool:
    """Whether the kernel counts a user's processes by user namespace (since 5.14), so that a limit is the sandbox's own."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return found is not None and (int(found[1]), int(found[2])) >= (5, 14)


def _refused(version: str, said: str) -> tuple[str, str]:
    why = (said.strip().splitlines() or ["it says nothing"])[-1]
    if "disable-userns" in why:
        return f"{version} is too old: 0.8.0 or newer is needed", "install a newer bubblewrap"
    advice = (
        "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
        "kernel.apparmor_restrict_unprivileged_userns=0); in a container run it with the privileges for them"
    )
    return f"{version} starts no sandbox: {why}", advice


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TRY_S, check=False)
