"""System call filter: which calls it lets through, by an interpreter of its instructions, and by commands in a real sandbox."""

import errno
import os
import platform
import shutil
import struct
from pathlib import Path

import pytest

from agent.sandbox.local.seccomp import ALLOW, ARCHITECTURES, REFUSED, X32, Architecture, seccomp_filter
from tests.unit.agent.sandbox.commands import open_sandbox

PYTHON = pytest.mark.skipif(
    not Path("/usr/bin/python3").exists(), reason="the system has no Python to call the kernel by"
)
FAMILIES_OF_THE_KERNEL = range(64)


def run(program: bytes, number: int, audit: int, *arguments: int) -> str:
    """What the filter answers to a call: `allowed`, or the name of the error."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    value, at = 0, 0
    instructions = list(struct.iter_unpack("<HBBI", program))
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, operand)
            case 0x15:
                at += if_true if value == operand else if_false
            case 0x35:
                at += if_true if value >= operand else if_false
            case 0x06:
                return "allowed" if operand == ALLOW else errno.errorcode[operand & 0xFFFF]
            case _:
                raise AssertionError(f"an instruction that the filter needs not: {code:#x}")


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def known(machine: str) -> Architecture:
    return ARCHITECTURES[machine]


def test_every_path_of_the_program_ends_within_it(machine: str) -> None:
    instructions = list(struct.iter_unpack("<HBBI", seccomp_filter(machine)))
    for at, (code, if_true, if_false, _) in enumerate(instructions):
        following = () if code == 0x06 else (if_true, if_false) if code in {0x15, 0x35} else (0,)
        assert all(at + 1 + skipped < len(instructions) for skipped in following)


def test_the_refused_calls_fail_and_no_other_call_does(machine: str, known: Architecture) -> None:
    program = seccomp_filter(machine)
    refused = {known.numbers[name]: errno.errorcode[error] for name, error in REFUSED.items()}
    for number in range(600):
        if number not in {known.socket, known.socketpair}:
            assert run(program, number, known.audit) == refused.get(number, "allowed")


def test_sockets_of_four_families_are_allowed(machine: str, known: Architecture) -> None:
    program = seccomp_filter(machine)
    for call in (known.socket, known.socketpair):
        allowed = {family for family in FAMILIES_OF_THE_KERNEL if run(program, call, known.audit, family) == "allowed"}
        assert allowed == {1, 2, 10, 16}  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
        assert run(program, call, known.audit, 40) == "EAFNOSUPPORT"  # AF_VSOCK
        assert run(program, call, known.audit, 40 | 1 << 32) == "EAFNOSUPPORT"  # the kernel cuts this to an int
        assert run(program, call, known.audit, 1 | 1 << 32) == "allowed"


def test_of_netlink_only_routes_are_allowed(machine: str, known: Architecture) -> None:
    program = seccomp_filter(machine)
    assert run(program, known.socket, known.audit, 16, 3, 0) == "allowed"
    assert {run(program, known.socket, known.audit, 16, 3, protocol) for protocol in range(1, 32)} == {
        "EPROTONOSUPPORT"
    }


def test_calls_by_the_rules_of_another_architecture_fail(machine: str, known: Architecture) -> None:
    program = seccomp_filter(machine)
    others = {other.audit for other in ARCHITECTURES.values()} - {known.audit}
    for audit in (*others, 0x40000003, 0x40000028):  # and of 32 bits: i386, ARM
        assert run(program, 0, audit) == "ENOSYS"
    for number in (X32, X32 | known.socket, 0xFFFFFFFF):
        assert run(program, number, known.audit, 40) == "ENOSYS"


def test_a_processor_whose_calls_are_not_known_has_no_filter() -> None:
    with pytest.raises(ValueError, match="no filter for system calls is known for the processor 's390x'"):
        seccomp_filter("s390x")


# --------------------------------------------------------------------------------------------------- in a real sandbox


@PYTHON
async def test_a_command_can_open_sockets_of_these_families_alone(tmp_path: Path) -> None:
    lines = """
import errno, socket
for family in range(64):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_DGRAM, 0).close()
    except OSError as error:
        assert error.errno == errno.EAFNOSUPPORT, (family, error)
    else:
        print(family)
"""
    for network in (False, True):
        async with open_sandbox(tmp_path, network=network) as opened:
            assert (await opened.output(f"/usr/bin/python3 -c '{lines}'")).split() == ["1", "2", "10", "16"]


@PYTHON
async def test_the_refused_calls_fail_in_a_command_and_in_what_it_starts(tmp_path: Path) -> None:
    numbers = ARCHITECTURES[platform.machine()].numbers
    lines = f"""
import ctypes, errno
c = ctypes.CDLL(None, use_errno=True)
for number in {list(numbers.values())}:
    assert c.syscall(number, 0, 0, 0, 0, 0) == -1
    print(errno.errorcode[ctypes.get_errno()])
"""
    async with open_sandbox(tmp_path) as opened:
        seen = (await opened.output(f"sh -c \"/usr/bin/python3 -c '{lines}'\"")).split()
    assert dict(zip(numbers, seen, strict=True)) == {name: errno.errorcode[REFUSED[name]] for name in numbers}


@PYTHON
async def test_no_socket_of_another_family_comes_by_the_numbers_of_32_bits(tmp_path: Path) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("int 0x80 is of x86")
    # mov eax, 359 (socket); mov ebx, 40; mov ecx, 1; xor edx, edx; int 0x80; ret
    code = "b867010000bb28000000b90100000031d2cd80c3"
    lines = f"""
import ctypes, mmap
memory = mmap.mmap(-1, 4096, prot=7)
memory.write(bytes.fromhex("53" + "{code}"[:-2] + "5bc3"))
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))())
"""
    async with open_sandbox(tmp_path) as opened:
        assert int(await opened.output(f"/usr/bin/python3 -c '{lines}'")) == -errno.ENOSYS


PROGRAMS = {
    "git": "git init -q . && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m first && git log --oneline",
    "python3": "/usr/bin/python3 -c 'import asyncio, socket, subprocess, threading, multiprocessing as m; "
    'asyncio.run(asyncio.sleep(0)); socket.getaddrinfo("localhost", 80); subprocess.check_call(["true"]); '
    "m.Pool(2).map(abs, [-1, -2]); print(socket.if_nameindex())'",
    "node": 'node -e \'require("fs").promises.readFile("/etc/passwd").then(() => require("os").networkInterfaces())'
    '.then(() => require("http").createServer().listen(0, function () { console.log("up"); this.close() }))\'',
    "curl": "curl -s file:///etc/hosts; curl -s --max-time 5 http://127.0.0.1:9/; test $? = 7",
    "strace": "strace -o /tmp/trace true && test -s /tmp/trace",
    "gdb": "gdb -q -batch -ex starti -ex 'info registers' -ex kill /bin/true",
    "perl": "perl -MSocket -e 'socket(my $s, AF_INET, SOCK_STREAM, 0) or die $!; print qx(echo ok)'",
    "tar": "echo x > x && tar cz x | tar tz",
}


@pytest.mark.parametrize("program", PROGRAMS)
async def test_ordinary_programs_run(program: str, tmp_path: Path) -> None:
    if shutil.which(program, path="/usr/bin:/bin:/usr/local/bin") is None:
        pytest.skip(f"there is no {program} here")
    async with open_sandbox(tmp_path) as opened:
        await opened.output(PROGRAMS[program])


# ---------------------------------------------------------------------------------------- which processes end at first


def score(of: str) -> int:
    return int(Path(f"/proc/{of}/oom_score_adj").read_text())


async def test_commands_are_ended_before_the_server_and_cannot_change_it(tmp_path: Path) -> None:
    before = score(str(os.getpid()))
    async with open_sandbox(tmp_path) as opened:
        seen = await opened.output(
            "cat /proc/self/oom_score_adj; for n in 0 -500; do for f in /proc/[0-9]*/oom_*adj; do echo $n > $f; done; done "
            "2>/dev/null; cat /proc/[0-9]*/oom_score_adj"
        )
    assert set(seen.split()) == {"500"}
    assert score(str(os.getpid())) == before
