"""Bubblewrap arguments: describes one command's sandbox, from the settings and what this machine has."""

import os
import platform
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from agent.sandbox.local.limits import NICE
from agent.sandbox.local.probe import ISOLATION, counts_by_namespace
from agent.sandbox.local.seccomp import seccomp_filter
from agent.sandbox.local.unprivileged import SYSTEM_PATH
from agent.sandbox.settings import SandboxSettings
from agent.workspace.guarded import Guard

WORKSPACE = "/workspace"
USER_ID = 1000
SHM_BYTES = 67_108_864
OUT_OF_MEMORY_FIRST = 500
"""When the machine runs out of memory, commands are ended before the server."""
ENVIRONMENT = {
    "PATH": SYSTEM_PATH,
    "TMPDIR": "/tmp",  # the sandbox's own
    "USER": "agent",
    "LOGNAME": "agent",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
FILES = {
    "/etc/passwd": f"agent:x:{USER_ID}:{USER_ID}::{{home}}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": f"agent:x:{USER_ID}:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
}
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = (
    *("/etc/alternatives", "/etc/ca-certificates", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs"),
    *("/etc/pki/ca-trust/extracted", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/mime.types", "/etc/magic", "/etc/protocols", "/etc/services"),
)
WITH_NETWORK = ("/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf")
READY = b"ready\n"
GO = b"go\n"
# The server reads "ready" once the sandbox is set up, starts to watch its limits, and writes "go". Without that answer,
# as after the server's death, the command does not begin.
START = 'echo ready; read -r go && [ "$go" = go ] || exit 125; exec "$@" </dev/null'
RAISE_OUT_OF_MEMORY_SCORE = f"{{ echo {OUT_OF_MEMORY_FIRST} >/proc/self/oom_score_adj; }} 2>/dev/null; "
# Before bubblewrap starts: /proc is read-only in the sandbox, since its owner may lower the score of a process again up to
# what a process with CAP_SYS_RESOURCE has set (proc(5), oom_score_adj), and servers have that capability seldom.
BEFORE = ("/bin/sh", "-c", f'{RAISE_OUT_OF_MEMORY_SCORE}exec "$@"', "sh")
"""What the command line that starts bubblewrap begins with."""


OPEN_FILES_MAX = 1_024
"""Files that a process of a command may have open: the usual limit of Linux."""


class WorkspaceMount(msgspec.Struct, frozen=True):
    """A workspace in a sandbox. `source`: where bubblewrap finds it; `path`: where a command does; `home`: the command's HOME.

    `guards`: what of it is read-only, or cannot be moved away.
    """

    source: str
    path: str = WORKSPACE
    home: str = WORKSPACE
    guards: Sequence[Guard] = ()

    def arguments(self) -> Iterator[str]:
        """The arguments that show it."""
        yield from ("--bind", self.source, self.path)
        for guard in self.guards:
            how = "--bind-try" if guard.writable else "--ro-bind-try"
            yield from (how, f"{self.source}/{guard.path}", f"{self.path}/{guard.path}")
        yield from ("--chdir", self.path)


def build(
    settings: SandboxSettings,
    workspace: WorkspaceMount,
    hidden: tuple[Path, ...],
    as_descriptor: Callable[[bytes], int],
) -> list[str]:
    """The arguments for one command's sandbox.

    `hidden`: folders that are empty in it, even where a folder above them is shown. `as_descriptor`: gives a file
    descriptor from which bubblewrap reads the bytes.
    """
    arguments = [*ISOLATION, "--uid", str(USER_ID), "--gid", str(USER_ID)]
    if not settings.network:
        arguments.append("--unshare-net")
    for name, value in {**ENVIRONMENT, "HOME": workspace.home}.items():
        arguments += ["--setenv", name, value]
    arguments += ["--ro-bind", "/usr", "/usr"]
    for path in SYSTEM:
        arguments += _system(path)
    for path in (*CONFIGURATION, *(WITH_NETWORK if settings.network else ())):
        arguments += ["--ro-bind-try", os.path.realpath(path), path]
    for path, text in FILES.items():
        data = text.format(home=workspace.home).encode()
        arguments += ["--perms", "0644", "--ro-bind-data", str(as_descriptor(data)), path]
    arguments += ["--seccomp", str(as_descriptor(seccomp_filter(platform.machine())))]
    arguments += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--remount-ro", "/proc", "--dev", "/dev"]
    arguments += ["--size", str(min(SHM_BYTES, settings.tmp_bytes)), "--perms", "1777", "--tmpfs", "/dev/shm"]
    arguments += ["--remount-ro", "/dev"]
    arguments += ["--size", str(settings.tmp_bytes), "--perms", "1777", "--tmpfs", "/tmp"]
    for path in settings.readable:
        arguments += ["--ro-bind-try", os.path.realpath(path), path]
    for path in _within(hidden, ("/usr", *SYSTEM, *settings.readable)):
        arguments += ["--tmpfs", path, "--remount-ro", path]
    return [*arguments, *workspace.arguments(), "--remount-ro", "/"]


def inside(settings: SandboxSettings, command: str) -> list[str]:
    """The command line in the sandbox: sets the limits, then runs the command in a shell."""
    limits = {
        "core": 0,
        "cpu": settings.cpu_s,
        "data": settings.memory_bytes,
        "fsize": settings.file_bytes_max,
        "nofile": OPEN_FILES_MAX,
    }
    if counts_by_namespace():
        limits["nproc"] = settings.processes_max
    bounds = [f"--{name}={value}" for name, value in limits.items()]
    return ["/bin/sh", "-c", START, "sh", "nice", "-n", str(NICE), "prlimit", *bounds, "--", shell(), "-c", command]


def shell() -> str:
    """The shell that runs commands: bash, or sh where there is none."""
    return "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"


def _system(path: str) -> list[str]:
    """A folder of programs, shown as it is here: a link into /usr on most systems, else a folder."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return []
    if stat.S_ISLNK(mode):
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind", path, path]


def _within(hidden: tuple[Path, ...], shown: tuple[str, ...]) -> list[str]:
    """The hidden folders that lie in a shown one."""
    real = [os.path.realpath(path) for path in shown]
    folders = {os.path.realpath(path) for path in hidden if path.is_dir()}
    return sorted(path for path in folders if any(os.path.commonpath((path, above)) == above for above in real))
