"""System call filter: assembles the seccomp program that bubblewrap gives to each command. Pure.

What is refused fails with an error, as on a kernel without that part, so that programs that can do without it go on.
seccomp(2); the instructions: https://docs.kernel.org/networking/filter.html. It is assembled here because the libraries
for it load `libseccomp.so`, which a machine may lack.
"""

import errno
import struct

import msgspec

LOAD, JUMP_IF_EQUAL, JUMP_IF_ABOVE, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD+W+ABS, JMP+JEQ+K, JMP+JGE+K, RET+K
ALLOW, FAIL = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
# struct seccomp_data: the number of the call, the architecture, 8 bytes of address, six arguments of 8 bytes.
NUMBER, ARCHITECTURE, ARGUMENT_0, ARGUMENT_2 = 0, 4, 16, 32
X32 = 0x40000000
"""From here on numbers of x86_64 are those of the x32 ABI: the same calls, past a filter that compares plain numbers."""

AF_NETLINK, NETLINK_ROUTE = 16, 0
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": AF_NETLINK}
"""The families of sockets. Of AF_NETLINK only NETLINK_ROUTE, with which the C library lists addresses. The names of others
(AF_VSOCK, AF_ALG, AF_BLUETOOTH and more) belong to no namespace, or load modules of the kernel."""

REFUSED = {
    # The only calls that do the work of others (a socket, an opening) where no filter sees it.
    "io_uring_setup": errno.ENOSYS,
    "io_uring_enter": errno.ENOSYS,
    "io_uring_register": errno.ENOSYS,
    # Key rings belong to a user of the machine, not to a namespace.
    "add_key": errno.ENOSYS,
    "request_key": errno.ENOSYS,
    "keyctl": errno.ENOSYS,
    # What looks into the kernel, or halts it in the middle of a call.
    "bpf": errno.EPERM,
    "perf_event_open": errno.EPERM,
    "userfaultfd": errno.EPERM,
    "syslog": errno.EPERM,
    "fanotify_init": errno.EPERM,
}
"""Calls that fail, and the error. `ptrace` works: debuggers need it, it reaches a command's own processes alone, and what it
changes in a call is filtered afterwards."""


class Architecture(msgspec.Struct, frozen=True):
    """A processor as the kernel names it (linux/audit.h), and its numbers of the calls that are filtered."""

    audit: int
    socket: int
    socketpair: int
    numbers: dict[str, int]


_EVERYWHERE = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}
_GENERIC = _EVERYWHERE | {  # include/uapi/asm-generic/unistd.h
    "syslog": 116,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "perf_event_open": 241,
    "fanotify_init": 262,
    "bpf": 280,
    "userfaultfd": 282,
}
_X86_64 = _EVERYWHERE | {  # arch/x86/entry/syscalls/syscall_64.tbl
    "syslog": 103,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "bpf": 321,
    "userfaultfd": 323,
}
ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, 41, 53, _X86_64),
    "aarch64": Architecture(0xC00000B7, 198, 199, _GENERIC),
    "riscv64": Architecture(0xC00000F3, 198, 199, _GENERIC),
}
"""By the name that `uname -m` gives."""


def seccomp_filter(machine: str) -> bytes:
    """The program for a machine (`uname -m`), as `bwrap --seccomp` reads it. Raises ValueError for a machine of another kind.

    Calls by the rules of another architecture (32 bits, x32) all fail with ENOSYS.
    """
    known = ARCHITECTURES.get(machine)
    if known is None:
        names = ", ".join(ARCHITECTURES)
        raise ValueError(f"no filter for system calls is known for the processor {machine!r}, only for {names}")
    program = [
        *(_load(ARCHITECTURE), _jump(JUMP_IF_EQUAL, known.audit, 1, 0), _fail(errno.ENOSYS)),
        *(_load(NUMBER), _jump(JUMP_IF_ABOVE, X32, 0, 1), _fail(errno.ENOSYS)),
    ]
    for name, error in REFUSED.items():
        program += [_jump(JUMP_IF_EQUAL, known.numbers[name], 0, 1), _fail(error)]
    program += [
        _jump(JUMP_IF_EQUAL, known.socket, 2, 0),
        _jump(JUMP_IF_EQUAL, known.socketpair, 1, 0),
        _return(ALLOW),
        _load(ARGUMENT_0),  # the kernel looks at these 32 bits alone; the machines above store them first
    ]
    for family in FAMILIES.values():
        if family != AF_NETLINK:
            program += [_jump(JUMP_IF_EQUAL, family, 0, 1), _return(ALLOW)]
    program += [
        *(_jump(JUMP_IF_EQUAL, AF_NETLINK, 1, 0), _fail(errno.EAFNOSUPPORT)),
        *(_load(ARGUMENT_2), _jump(JUMP_IF_EQUAL, NETLINK_ROUTE, 1, 0), _fail(errno.EPROTONOSUPPORT)),
        _return(ALLOW),
    ]
    return b"".join(program)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """struct sock_filter: the operation, how many instructions to skip after a comparison, the operand."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _load(offset: int) -> bytes:
    return _instruction(LOAD, offset)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return _instruction(code, value, if_true, if_false)


def _return(action: int) -> bytes:
    return _instruction(RETURN, action)


def _fail(error: int) -> bytes:
    return _return(FAIL | error)
