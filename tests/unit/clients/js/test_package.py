"""JavaScript package as it is packed: it talks to a server under each Node.js, and its types hold for others."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.docs.documents import examples
from tests.support.application import ASKS_TO_WRITE, settings_for
from tests.support.live import listening
from tests.support.models.first_call import first_call
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.packages.javascript import LIBRARIES, PACKAGE, install_packed
from tests.unit.clients.js import HERE
from tests.unit.clients.web import HERE as TESTS

TSC = TESTS / "node_modules" / ".bin" / "tsc"
STRICT = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "module": "nodenext",
    "lib": ["es2024", "dom", "dom.iterable", "dom.asynciterable"],
    "types": [],
    "jsx": "react-jsx",
}
"""The settings of a consumer."""
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("consumer")
    install_packed(folder)
    for name in ("trial.mjs", "consumer.ts", "consumer.tsx"):
        shutil.copy(HERE / name, folder)
    return folder


async def run(folder: Path, *command: str | Path, **environ: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **environ}, stdout=pipe, stderr=pipe
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, (output + errors).decode()
    return output.decode()


@pytest.mark.parametrize(("node", "library"), [("node20", ["ws"]), ("node22", [])])
async def test_the_packed_package_talks_asks_and_comes_to_the_same_view(
    consumer: Path, tmp_path: Path, node: str, library: list[str]
) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("It is written.")]
    await first_call()
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model, auth={"local_token": True}, policy=ASKS_TO_WRITE)
        async with listening(settings) as live:
            token = (tmp_path / "token").read_text().strip()
            program = LIBRARIES / node / "bin" / "node"
            told = json.loads(await run(consumer, program, "trial.mjs", live.http, token, *library))
    assert told["action"] == "log_in"
    assert [one["role"] for one in told["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert told["messages"][-1]["text"] == "It is written."
    assert told["messages"][2]["output"].startswith("wrote a.txt")
    assert told["grants"] and told["same"]


async def test_the_example_of_the_readme_runs(consumer: Path, tmp_path: Path) -> None:
    (example,) = (one for one in examples("clients/js/README.md", "js") if "holdfast-client/node" in one.text)
    (consumer / "example.mjs").write_text(example.text)
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("It is written.")]
    await first_call()
    async with ScriptedModel(script) as model:
        async with listening(settings_for(tmp_path, model, policy=ASKS_TO_WRITE)) as live:
            output = await run(consumer, LIBRARIES / "node22" / "bin" / "node", "example.mjs", HOLDFAST_URL=live.http)
    assert re.fullmatch(r"It is written\.\n4 messages in \w{32}\n", output), output


async def test_a_node_without_websockets_is_told_what_to_do(consumer: Path) -> None:
    program = 'import("holdfast-client/node").then(({ connect }) => connect({ server: "http://localhost:1" }))'
    with pytest.raises(AssertionError, match="pass one as `WebSocket`"):
        await run(consumer, LIBRARIES / "node20" / "bin" / "node", "-e", program)


async def checked(folder: Path, *files: str, **settings: bool) -> str:
    config = {"compilerOptions": {**STRICT, **settings}, "files": files}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    return await run(folder, TSC, "-p", "tsconfig.json")


async def test_the_types_hold_in_a_strict_program_and_find_its_mistakes(consumer: Path) -> None:
    """The package's own declarations are checked too, but not those of the libraries that the adapters are for."""
    declared = [
        str(path.relative_to(consumer)) for path in consumer.glob("node_modules/holdfast-client/types/**/*.d.ts")
    ]
    ours = [path for path in declared if "adapters" not in path]
    assert len(ours) > 10
    assert await checked(consumer, "consumer.ts", *ours) == ""
    assert await checked(consumer, "consumer.tsx", skipLibCheck=True) == ""
    wrong = (consumer / "consumer.ts").read_text().replace("event.text", "event.test")
    assert "event.test" in wrong
    (consumer / "wrong.ts").write_text(wrong)
    with pytest.raises(AssertionError, match=r"'test' does not exist"):
        await checked(consumer, "wrong.ts")


def test_what_is_packed_is_what_the_manifest_names(consumer: Path) -> None:
    packed = consumer / "node_modules" / "holdfast-client"
    entries = json.loads((PACKAGE / "package.json").read_text())["exports"].values()
    for path in (path for entry in entries for path in entry.values()):
        assert (packed / path).read_bytes() == (PACKAGE / path).read_bytes()
    for module in packed.glob("src/**/*.js"):
        for name in re.findall(r'"(\.\.?/[^"]+)"', module.read_text()):
            assert (module.parent / name).is_file(), f"{module.name} names {name}, which is not packed"
