"""Isolation: a command in the sandbox reaches its workspace and the system's programs, and nothing else."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.unit.agent.sandbox.commands import OpenSandbox, open_sandbox

ROOT = Path(__file__).resolve().parents[4]
PYTHON = pytest.mark.skipif(
    not Path("/usr/bin/python3").exists(), reason="the system has no Python to call the kernel by"
)


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[OpenSandbox]:
    async with open_sandbox(tmp_path) as opened:
        yield opened


def calls(*lines: str) -> str:
    """A command that makes system calls with ctypes; `f` gives the name of the error, or `done`."""
    program = "\n".join(
        [
            "import ctypes, errno",
            "c = ctypes.CDLL(None, use_errno=True)",
            "f = lambda answer: print('done' if answer >= 0 else errno.errorcode[ctypes.get_errno()])",
            *lines,
        ]
    )
    return f"/usr/bin/python3 - <<'EOF'\n{program}\nEOF"


# -------------------------------------------------------------------------------------------------------- environment


async def test_the_environment_is_the_listed_one(inside: OpenSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_server")
    names = {line.partition("=")[0] for line in (await inside.output("env")).splitlines()}
    given = {"PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "SHELL", "LANG", "TERM"}
    assert given <= names <= given | {"PWD", "SHLVL", "_", "OLDPWD"}


async def test_no_descriptor_of_the_server_passes(inside: OpenSandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the server")
    fd = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        output = await inside.output(f"for fd in /proc/self/fd/* /proc/1/fd/*; do readlink $fd; done; cat <&{fd}; true")
    finally:
        os.close(fd)
    assert "of the server" not in output
    links = {line.partition(":")[0] for line in output.splitlines() if line.startswith(("/", "pipe", "socket", "anon"))}
    assert {link for link in links if not link.startswith(("/dev/null", "/proc/", "/bin/bash", "pipe"))} <= {
        "anon_inode"
    }


# ----------------------------------------------------------------------------------------------------------- the files


async def test_no_folder_of_the_machine_is_there(inside: OpenSandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the server")
    paths = [tmp_path / "secret", Path.home(), ROOT, ROOT / "README.md", inside.root.parent, Path("/etc/shadow")]
    wanted = " ".join(map(str, [*paths, "/var", "/home", "/root", "/run", "/sys", "/boot", "/srv", "/mnt", "/media"]))
    assert await inside.output(f"for path in {wanted}; do test -e $path && echo $path; done; true") == ""
    seen = set((await inside.output("ls /")).split())
    assert seen <= {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr", "workspace"}


async def test_the_workspace_and_memory_are_the_only_places_to_write(inside: OpenSandbox) -> None:
    tries = "for d; do { : > $d/.try; } 2>/dev/null && echo $d && rm $d/.try; done; true"
    places = "$(find / -xdev -type d -not -path '/proc/*') /usr /usr/bin /dev /dev/pts /proc /tmp /dev/shm /workspace"
    output = await inside.output(f"set -- {places}; {tries}")
    assert set(output.split()) == {"/tmp", "/dev/shm", "/workspace"}


async def test_memory_is_empty_for_each_command(inside: OpenSandbox) -> None:
    await inside.output("echo mine > /tmp/mine; echo mine > /dev/shm/mine")
    assert await inside.output("ls -A /tmp /dev/shm") == "/dev/shm:\n\n/tmp:\n"


async def test_users_are_made_up(inside: OpenSandbox) -> None:
    assert await inside.output("id -un; cat /etc/passwd | wc -l; hostname 2>/dev/null || cat /etc/hostname || true")
    assert (await inside.output("id -u; id -g")).split() == ["1000", "1000"]
    assert "agent" in await inside.output("cat /etc/passwd")


async def test_a_hidden_folder_is_empty_where_one_above_it_is_shown(tmp_path: Path, open_folder: Path) -> None:
    (open_folder / "data").mkdir(parents=True)
    (open_folder / "tool").write_text("to be read")
    (open_folder / "data" / "token").write_text("a secret")
    async with open_sandbox(tmp_path, hidden=(open_folder / "data",), readable=[str(open_folder)]) as opened:
        assert await opened.output(f"cat {open_folder}/tool; ls -A {open_folder}/data") == "to be read"
        ended, _ = await opened.run(f"touch {open_folder}/data/x {open_folder}/x")
        assert ended.code != 0


async def test_no_device_is_there_or_can_be_made(inside: OpenSandbox) -> None:
    output = await inside.output(
        "find /dev -type b; mknod /tmp/disk b 8 0 2>/dev/null && echo made; : 2>/dev/null </dev/tty && echo tty; true"
    )
    assert output == ""


# ------------------------------------------------------------------------------------------------------- the processes


async def test_no_process_of_the_machine_is_seen(inside: OpenSandbox) -> None:
    output = await inside.output(
        f"cat /proc/[0-9]*/cmdline | tr '\\0' ' '; kill -0 {os.getpid()} 2>/dev/null && echo ali''ve; true"
    )
    assert "pytest" not in output and "alive" not in output
    assert str(inside.root.parent) not in output
    assert len((await inside.output("ls -d /proc/[0-9]*")).split()) <= 4


async def test_no_process_holds_the_servers_environment(inside: OpenSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-server")
    assert "sk-of-the-server" not in await inside.output("cat /proc/[0-9]*/environ; true")


async def test_the_kernels_settings_cannot_be_written(inside: OpenSandbox) -> None:
    output = await inside.output(
        "find /proc/sys /proc/sysrq-trigger /proc/mtrr /proc/irq /proc/bus -type f -writable 2>/dev/null; "
        "echo 1 2>/dev/null > /proc/sys/vm/swappiness && echo written; true"
    )
    assert output == ""


async def test_no_capability_is_left(inside: OpenSandbox) -> None:
    status = dict(line.split(":\t", 1) for line in (await inside.output("cat /proc/self/status")).splitlines())
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert [int(status[name], 16) for name in sets] == [0] * 5
    assert status["NoNewPrivs"] == "1"


@PYTHON
async def test_the_kernel_refuses_new_namespaces_mounts_and_modules(inside: OpenSandbox) -> None:
    output = await inside.output(
        calls(
            "f(c.unshare(0x10000000))  # a user namespace",
            "f(c.unshare(0x00020000))  # a mount namespace",
            "f(c.mount(b'x', b'/tmp', b'tmpfs', 0, 0))",
            "f(c.umount2(b'/workspace', 2))",
            "f(c.chroot(b'/tmp'))",
            "f(c.sethostname(b'x', 1))",
            "f(c.setuid(0))",
        )
    )
    assert "done" not in output and len(output.split()) == 7


@PYTHON
async def test_no_process_outside_can_be_traced(inside: OpenSandbox) -> None:
    output = await inside.output(calls(*(f"f(c.ptrace(16, {pid}, 0, 0))" for pid in (os.getpid(), os.getppid()))))
    assert output.split() == ["ESRCH", "ESRCH"]


async def test_a_command_that_stops_the_sandboxes_first_process_is_ended_all_the_same(inside: OpenSandbox) -> None:
    ended, _ = await inside.run("kill -STOP 1; kill -KILL 1; sleep 60", 1.0)
    assert ended.stopped


# --------------------------------------------------------------------------------------------------------- the network


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A port of this machine on which somebody waits; no connection may have come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server.getsockname()[1]
        with pytest.raises(BlockingIOError):
            server.accept()


def connects(host: str, port: int) -> str:
    return f"(exec 3<>/dev/tcp/{host}/{port}) 2>&1 && echo connected; true"


async def test_neither_loopback_nor_the_world_is_reached(inside: OpenSandbox) -> None:
    with listening() as port:
        assert "connected" not in await inside.output(connects("127.0.0.1", port))
    for host in ("169.254.169.254", "1.1.1.1", "10.0.0.1"):
        output = await inside.output(connects(host, 80))
        assert "connected" not in output and "unreachable" in output
    interfaces = (await inside.output("cat /proc/net/dev")).splitlines()[2:]
    assert [line.partition(":")[0].strip() for line in interfaces] == ["lo"]


@PYTHON
async def test_no_unix_socket_of_the_machine_is_reached_by_its_abstract_name(inside: OpenSandbox) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0holdfast-test-{os.getpid()}")
        server.listen()
        output = await inside.output(
            '/usr/bin/python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('
            f"'\\\\0holdfast-test-{os.getpid()}')\" 2>&1 | tail -n 1"
        )
    assert "ConnectionRefusedError" in output


async def test_with_the_network_on_it_is_reached(tmp_path: Path) -> None:
    async with open_sandbox(tmp_path, network=True) as opened:
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert await opened.output(connects("127.0.0.1", server.getsockname()[1])) == "connected\n"
