"""What holds for every test: nothing beyond this machine is reached, nothing of this machine's settings is read."""

import contextlib
import gc
import ipaddress
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from pytest_timeout import Settings  # type: ignore[import-untyped]  # it has no types

from agent.util.tasks import TaskOwner
from tests.faults.harness.lengths import LONG, length
from tests.faults.process.process import Zygote
from tests.support.constants import restore
from tests.support.forking.starting import forking, rewrite_all
from tests.support.node import node_command

if TYPE_CHECKING:  # tests that need no database import nothing of it
    from tests.support.postgres.databases import Databases
    from tests.support.postgres.server import PostgresServer

ROOT = Path(__file__).resolve().parent.parent
WSCAT = ROOT / "tests" / "support" / "npm" / "wscat" / "node_modules" / "wscat" / "bin" / "wscat"

# LiteLLM's import would fetch a price list, and every credential in the environment would choose another model.
MODEL_SETTINGS = re.compile(
    r"(API_KEY|API_BASE|_TOKEN)$|^(HOLDFAST_(?!FAULTS|TEST_POSTGRES)|LITELLM_|OPENAI_|ANTHROPIC_|PORT$|WEB_CONCURRENCY$)"
)
for name in [name for name in os.environ if MODEL_SETTINGS.search(name)]:
    del os.environ[name]
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"

# Two workers share the machine: an example may take long without being wrong. A change is judged by the same examples
# each time; new ones are looked for in the long form.
settings.register_profile(
    "holdfast",
    deadline=None,
    max_examples=length(25, 100),
    derandomize=not LONG,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("holdfast")


LONGEST = (
    "hostile/test_mcp",
    "faults",
    "hostile/test_executors",
    "browser",
    "hostile/test_storage",
    "unit/benchmarks",
    "unit/agent/tools/mcp",
    "hostile/test_socket",
    "deploy",
    "contract",
    "hostile/test_connections",
    "integration",
    "properties",
    "docs",
    "unit/server/http",
    "unit/server/cli",
    "unit/server/auth",
    "unit/agent/sandbox",
    "unit/clients",
    "unit/protocol",
)
"""Folders and files that take longest. They come first, so that at the end no worker has a long file left, and the others none.
The hostile ones are apart: they run one at a time, and a worker that has another meanwhile would wait."""


GARBAGE_BETWEEN_COLLECTIONS = 10_000
"""Objects that are made and not yet gone; Python's own 700 take a twentieth of a worker's time."""

ON_BOTH_JOURNALS = ("integration.test_guarantees",)
ON_BOTH_JOURNALS_IN_THE_LONG_FORM = (
    "integration.test_context",
    "integration.test_grants",
    "integration.test_clients_that_read_nothing",
    "integration.test_hostile",
    "integration.test_large_snapshots",
    "integration.test_matrix",
    "integration.test_provider_state",
    "integration.test_research",
    "integration.test_sharing",
    "integration.test_sizes",
    "integration.test_wscat",
    "unit.server.sessions.test_access",
    "unit.server.sessions.test_manager",
    "unit.server.http",
    "unit.server.websocket",
)
ELSEWHERE_IN_THE_LONG_FORM = (
    "integration.test_context",
    "integration.test_grants",
    "integration.test_hostile",
    "integration.test_large_snapshots",
    "integration.test_matrix",
    "integration.test_provider_state",
    "integration.test_research",
    "integration.test_sharing",
    "integration.test_sizes",
    "unit.server.sessions.test_access",
)
"""By the names of modules, without `tests.`. The last: those of them that look at nothing inside of the server that they speak to."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Imports make a million objects that stay: no garbage collection walks them, neither meanwhile nor later.

    What a test makes is mostly gone before a collection that comes later, and what is left is walked less often.
    """
    gc.disable()
    gc.set_threshold(GARBAGE_BETWEEN_COLLECTIONS)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Workers are forks of one process that has imported what all need."""
    workers = getattr(config.option, "tx", None)
    if workers and sys.platform == "linux":
        starting = contextlib.ExitStack()
        config.option.tx = starting.enter_context(forking(len(workers)))
        config.add_cleanup(starting.close)
        if not sys.dont_write_bytecode:
            rewrite_all(config, [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("tests/**/conftest.py")])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; `make test` hands the files out in this order."""
    folders = [f"tests/{folder}" for folder in LONGEST]
    items.sort(
        key=lambda item: next((n for n, name in enumerate(folders) if item.nodeid.startswith(name)), len(folders))
    )


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(settings: Settings) -> Generator[None, object, object]:
    """A test that runs into its timeout is told again until it ends.

    The alarm raises its exception wherever it finds Python. In a callback of an event loop, which logs what is raised there, or in
    a task that nobody awaits, that ends nothing, and the test would wait for ever for what does not come.
    """
    set_by = yield
    if settings.method == "signal" and threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, max(2.0, settings.timeout / 8))
    return set_by


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """A timeout that ended a test is told no more: it would end pytest while that writes of it."""
    if call.excinfo is not None and isinstance(call.excinfo.value, pytest.fail.Exception):
        item.config.hook.pytest_timeout_cancel_timer(item=item)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that forks servers."""
    if sys.platform != "linux":
        pytest.skip("needs Linux: processes that die with their parent, sockets of whole packets")
    one = Zygote()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def own_constants() -> Iterator[None]:
    """A test that changed built-in values leaves them as they were."""
    yield
    restore()


@pytest.fixture
async def tasks() -> AsyncIterator[TaskOwner]:
    """An owner for what a test runs beside itself."""
    owner = TaskOwner("test")
    yield owner
    await owner.aclose()


@pytest.fixture(scope="session")
def postgres() -> Iterator["Databases"]:
    """A PostgreSQL server of this worker's, which the first test that asks starts."""
    from tests.support.postgres.databases import databases

    with databases() as made:
        yield made


@pytest.fixture(scope="module")
def tcp_server() -> Iterator["PostgresServer"]:
    """A PostgreSQL server of a file's own, reached by TCP too: to stop, to spoil, and to put a proxy before."""
    from tests.support.network.ports import free_port
    from tests.support.postgres.server import PostgresServer

    one = PostgresServer(listen_addresses="127.0.0.1", port=str(free_port()))
    yield one
    one.remove()


@pytest.fixture
def tcp_database(tcp_server: "PostgresServer", in_this_process: None) -> Iterator[str]:
    """The name of an empty database on it, without the journal's tables."""
    from tests.support.postgres.databases import Databases

    databases = Databases(tcp_server.url)
    name = databases.make(empty=True)
    yield name
    databases.drop(name)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal in PostgreSQL can be opened in the test's own process."""
    monkeypatch.setattr("server.journal.postgres.link.FSYNC_OFF_ALLOWED", True)
    # It would kill what the test started, the database too.
    monkeypatch.setattr("server.journal.nodes.watchdog.Watchdog.start", lambda self: None)


@pytest.fixture
def database(postgres: "Databases", in_this_process: None) -> Iterator[str]:
    """The address of an empty database with the journal's tables, for this test alone."""
    name = postgres.take()
    yield postgres.url_of(name)
    postgres.give_back(name)


@pytest.fixture(autouse=True)
def journal_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the servers of a test have their journal, unless the test says so: see `pytest_generate_tests`."""
    backend = getattr(request, "param", "sqlite")
    if backend != "sqlite":
        monkeypatch.setattr("tests.support.application.journal_url", request.getfixturevalue("database"))
        monkeypatch.setattr("tests.support.application.run_elsewhere", backend == "elsewhere")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What needs a whole server runs on both journals, and with another server that runs the sessions: the guarantees always, the rest in
    the long form."""
    name = metafunc.module.__name__.removeprefix("tests.")
    if name.startswith(ON_BOTH_JOURNALS) or (LONG and name.startswith(ON_BOTH_JOURNALS_IN_THE_LONG_FORM)):
        elsewhere = name.startswith((*ON_BOTH_JOURNALS, *ELSEWHERE_IN_THE_LONG_FORM))
        backends = ["sqlite", "postgres", *(["elsewhere"] if elsewhere else [])]
        metafunc.parametrize("journal_backend", backends, indirect=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which everybody may look, unlike a test's own: sandboxes of root's run as somebody else."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _stay_on_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return  # a UNIX socket's path
    host = str(address[0]).partition("%")[0]
    if host in {"localhost", ""}:
        return
    try:
        inside = (found := ipaddress.ip_address(host)).is_loopback or found.is_unspecified
    except ValueError:
        inside = False
    if not inside:
        raise RuntimeError(f"a test reached for {host}: the network is stood in for by a server on loopback")


sys.addaudithook(_stay_on_this_machine)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Reports of hostile texts hold lone surrogates, which pytest-xdist cannot carry between its workers."""
    return _printable((yield))


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_printable(held) for held in value)
    return value


@pytest.fixture(scope="session")
def wscat() -> list[str]:
    """The command of the real wscat, without arguments: `[*wscat, "-c", url]`."""
    if not WSCAT.is_file():
        pytest.fail("the tests talk through the real wscat: run `make test`, which installs it", pytrace=False)
    return [node_command(), str(WSCAT)]
