"""Shell examples: each command of a document exists, takes the options it is given, and names files that are there."""

import argparse
import contextlib
import importlib.util
import io
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator

from server.cli.main import make_parser
from tests.support.paths import ROOT

ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
OPERATORS = {"&&", "||", ";", "|", "&"}
Words = list[str]


def commands(text: str) -> Iterator[Words]:
    """The simple commands of a shell text, without comments and without the variables that are set for one."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        command: Words = []
        for word in [*lexer, ";"]:
            if word not in OPERATORS:
                if command or not ASSIGNMENT.fullmatch(word):
                    command.append(word)
            elif command:
                yield command
                command = []


def check(text: str, *, mentioned: bool = False) -> None:
    """Fail for a syntax error, an unknown program, and for what a program does not take.

    A command that is only `mentioned` may lack its arguments.
    """
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for program, *arguments in commands(text):
        name = program.removeprefix(".venv/bin/")
        assert name in PROGRAMS, f"tests/docs/shell.py does not know how to check {program!r}"
        try:
            PROGRAMS[name](arguments)
        except AssertionError as error:
            if not mentioned or "the following arguments are required" not in str(error):
                raise


def holdfast(arguments: Words) -> None:
    """The parser of the command line itself takes it."""
    arguments = [word for word in arguments if word != "..."]
    if not arguments:
        return
    errors, code = io.StringIO(), None
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            make_parser(arguments).parse_args(arguments)
        except SystemExit as end:
            code = end.code
    assert not code, f"holdfast {shlex.join(arguments)}: {errors.getvalue()}"


def make(arguments: Words) -> None:
    """The target is there; `ARGS` of `run` are options of `holdfast serve`."""
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    given = [word.removeprefix("ARGS=") for word in arguments if word.startswith("ARGS=")]
    if given and "run" in arguments:
        holdfast(["serve", *shlex.split(given[0])])


def python(arguments: Words) -> None:
    """`-m MODULE` or a script of the checkout, which is there."""
    if arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]) is not None, arguments[1]
    else:
        there(arguments[:1])


def there(paths: Words) -> None:
    """Paths of the checkout are there; a pattern stands for one file at least."""
    for path in paths:
        assert list(ROOT.glob(path)), f"{path} is not there"


def copy(arguments: Words) -> None:
    """What is copied is there."""
    there(arguments[:-1])


def docker(arguments: Words) -> None:
    """A build names a Dockerfile and arguments that it has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", dest="file")
    parser.add_argument("--build-arg", action="append", default=[])
    known, _ = parser.parse_known_args(arguments)
    if arguments[0] == "build":
        there([known.file])
        for given in known.build_arg:
            name = given.partition("=")[0]
            assert re.search(rf"^ARG {name}\b", (ROOT / known.file).read_text(), re.MULTILINE), f"no ARG {name}"
    elif arguments[0] == "exec":
        check(shlex.join(arguments[2:]))
    else:
        assert arguments[0] == "run", arguments


def sed(arguments: Words) -> None:
    """The line that is replaced is in the file."""
    script, file = arguments[:2]
    there([file])
    pattern = script.split("/")[1]
    assert re.search(pattern, (ROOT / file).read_text(), re.MULTILINE), f"{file} has no line {pattern}"


def systemctl(arguments: Words) -> None:
    """The units are those of deploy/systemd; `holdfast@PORT` is an instance of the template."""
    units = [re.sub(r"@\d+$", "@.service", word) for word in arguments if word.startswith(("holdfast.", "holdfast@"))]
    there([f"deploy/systemd/{unit}" for unit in units])


def upload(arguments: Words) -> None:
    """`hf upload REPO PATH` uploads what is there."""
    if arguments[0] == "upload":
        there(arguments[2:3])


def install(arguments: Words) -> None:
    """Installs or removes the project by the name that it has."""
    assert {"install", "uninstall"} & set(arguments), arguments
    assert "holdfast" in re.split(r"[/\[@]", arguments[-1]), arguments


def without_check(_: Words) -> None:
    """Another project's program, with nothing of this project in its arguments."""


PROGRAMS: dict[str, Callable[[Words], None]] = {
    "holdfast": holdfast,
    "make": make,
    "python": python,
    "cp": copy,
    "docker": docker,
    "sed": sed,
    "systemctl": systemctl,
    "hf": upload,
    "uv": install,
    "pipx": install,
    "pip": install,
    **dict.fromkeys(
        ("llama-server", "lms", "ollama", "python3", "transformers", "vllm"), without_check
    ),  # model servers
    "createdb": without_check,
    "createuser": without_check,
    "cd": without_check,
    "git": without_check,
    "tar": without_check,
    "npm": without_check,
    "ssh": without_check,
    "curl": without_check,
}
