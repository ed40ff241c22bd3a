"""Unprivileged launch: starts bubblewrap as a user without rights when the server itself is run by root."""

import os
import shutil
from pathlib import Path

import msgspec

USER_ID = 60_700
"""The user, and group, as whom root's sandboxes run; no range of users holds it by default."""
MOUNT_POINT = "/mnt"
"""A folder of every system that all users may enter; what that user needs is shown there."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs of the system are looked for, in a sandbox and for it, whatever the server's PATH is."""

_BIND = "mount --no-canonicalize --bind"
_SHOW_SOURCE = f'{_BIND} "$1" {MOUNT_POINT} && shift && exec "$@"'
_SHOW_BOTH = (
    f"mount --no-canonicalize -t tmpfs -o mode=0755 holdfast {MOUNT_POINT} && "
    f"mkdir {MOUNT_POINT}/source {MOUNT_POINT}/program && "
    f'{_BIND} "$1" {MOUNT_POINT}/source && {_BIND} "$2" {MOUNT_POINT}/program && shift 2 && exec "$@"'
)


class Launch(msgspec.Struct, frozen=True):
    """How bubblewrap is started. `command`: what the command line begins with, the program last.

    `source`: where bubblewrap finds the folder that was asked for.
    """

    command: tuple[str, ...]
    source: str


def launch(
    program: str, source: str, package_folder: Path | None = None, user: tuple[int, int] = (USER_ID, USER_ID)
) -> Launch:
    """How `program` (bubblewrap, absolute) is started so that it finds the folder `source`.

    Run by root, sandboxes would be root's to the kernel: root's processes may write to /proc/sys whatever namespace they
    are in, and no limit counts them. So bubblewrap runs as `user` (user and group). The workspace, and the environment of a Python
    package, may lie in folders that only root may enter, so they are shown at `MOUNT_POINT`, in a mount namespace that is
    the command's own. `package_folder`: what the program and its libraries lie in, if they come from such a package.
    """
    if os.geteuid() != 0:
        return Launch((program,), source)
    tools = {name: shutil.which(name, path=SYSTEM_PATH) or name for name in ("unshare", "setpriv")}
    namespace = (tools["unshare"], "--mount", "--propagation", "private", "--", "/bin/sh", "-c")
    other_user = (
        *(tools["setpriv"], f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--no-new-privs", "--"),
    )
    if package_folder is None:
        return Launch((*namespace, _SHOW_SOURCE, "sh", source, *other_user, program), MOUNT_POINT)
    shown_program = f"{MOUNT_POINT}/program/{Path(program).relative_to(package_folder)}"
    folders = (source, str(package_folder))
    return Launch((*namespace, _SHOW_BOTH, "sh", *folders, *other_user, shown_program), f"{MOUNT_POINT}/source")
