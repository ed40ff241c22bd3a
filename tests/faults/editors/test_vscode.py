"""VS Code: a real one with a real server: Holdfast in its own chat by the Agent Host Protocol, and the extension. Slow: minutes to install."""

import os
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from protocol.runtime_file import RuntimeFile, ServerPlace
from tests.faults.harness.lengths import in_the_long_form
from tests.support.ahp.code_server import CodeServer, command
from tests.support.ahp.extension import packaged
from tests.support.application import settings_for
from tests.support.chromium import MISSING, chromium
from tests.support.live import listening
from tests.support.models.first_call import first_call
from tests.support.models.scripted_model import Call, Finish, Gate, ScriptedModel, Text, calls, stream

CHAT = ".interactive-session"

pytestmark = [
    in_the_long_form,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]


def script(gate: Gate) -> list[object]:
    write = Call("write", {"path": "a.txt", "content": "x"}, id="c1")
    return [calls(write, before="I write it."), stream(Text("Done. "), gate, Text("And the rest."), Finish())]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "code.py").write_text('print("hello")\n')
    return folder


async def test_vs_code_has_holdfast_in_its_chat_and_comes_back_in_the_middle_of_an_answer(
    tmp_path: Path, project: Path
) -> None:
    await first_call()
    gate = Gate()
    async with ScriptedModel(script(gate)) as model:  # type: ignore[arg-type]  # replies
        settings = settings_for(
            tmp_path / "data", model, workspace={"roots": [str(tmp_path)]}, auth={"local_token": True}
        )
        served = msgspec.structs.replace(settings.compatible, ahp=True)
        async with listening(msgspec.structs.replace(settings, compatible=served)) as live:
            token = (tmp_path / "data/token").read_text().strip()
            async with CodeServer(tmp_path / "code").window_of_host(project, live.port, token) as page:
                await choose_holdfast(page)
                await expect(page.locator(CHAT)).to_contain_text(
                    "ask"
                )  # the mode that the server gives a folder's sessions
                await page.locator(f"{CHAT} .interactive-input-editor").click()
                await page.keyboard.type("write the file please")
                await page.keyboard.press("Enter")
                # The card is above the input; one of the same words is hidden in the conversation.
                allow = page.locator(".monaco-button:visible", has_text="Allow").first
                await allow.click(timeout=60_000)
                await expect(page.locator(CHAT)).to_contain_text("Done.")
                assert (project / "a.txt").read_text() == "x"
                await page.reload()
                await command(page, "Chat Agent Sessions: Show Agent Sessions Sidebar")
                await page.locator(".monaco-list-row", has_text="write the file please").click()
                await expect(page.locator(CHAT)).to_contain_text("Done.")
                gate.open()
                await expect(page.locator(CHAT)).to_contain_text("Done. And the rest.")


async def choose_holdfast(page: Page) -> None:
    """In the menu of the chat; it is there once the editor has found the host."""
    found = page.locator(".action-widget").get_by_text("Holdfast").first
    while True:
        await page.get_by_text("Local", exact=True).first.click()
        try:
            await found.click(timeout=3_000)
        except PlaywrightTimeout:
            await page.keyboard.press("Escape")
        else:
            return


async def test_the_extension_shows_the_page_says_what_waits_and_takes_a_selection(
    tmp_path: Path, project: Path
) -> None:
    await first_call()
    package = packaged(tmp_path)
    gate = Gate()
    folder = tmp_path / "share/holdfast"
    folder.mkdir(parents=True)
    async with ScriptedModel(script(gate)) as model:  # type: ignore[arg-type]  # replies
        settings = settings_for(folder, model, workspace={"roots": [str(tmp_path)]}, auth={"local_token": True})
        async with listening(settings) as live:
            place = ServerPlace(url=live.http, token_file=str(folder / "token"), pid=os.getpid(), server="holdfast")
            held = RuntimeFile(folder, place)
            try:
                code = CodeServer(tmp_path / "code")
                await code.install(package)
                async with code.window(project, XDG_DATA_HOME=str(tmp_path / "share")) as page:
                    await use_the_extension(page, gate, project)
            finally:
                held.remove()


async def use_the_extension(page: Page, gate: Gate, project: Path) -> None:
    status = page.locator(".statusbar")
    await expect(status).to_contain_text("Holdfast", timeout=60_000)
    await command(page, "Holdfast: New Session for This Folder")
    view = page.frame_locator("iframe.webview.ready").frame_locator("iframe#active-frame")
    await view.locator("#message").fill("write the file please", timeout=60_000)
    await view.locator("#message").press("Enter")
    await expect(status).to_contain_text("Holdfast waits for you", timeout=60_000)
    await view.locator("#approvals").get_by_role("button", name="Approve", exact=True).click()
    await expect(view.locator("main")).to_contain_text("Done.")
    assert (project / "a.txt").read_text() == "x"
    await expect(status).not_to_contain_text("waits for you")
    gate.open()
    await expect(view.locator("main")).to_contain_text("And the rest.")
    await page.keyboard.press("Control+p")
    await page.locator(".quick-input-widget input").fill("code.py")
    await page.locator(".quick-input-list .monaco-list-row", has_text="code.py").first.click()
    await page.locator(".monaco-editor .view-line", has_text="print").click()
    await page.keyboard.press("Control+a")
    await command(page, "Holdfast: Send Selection")
    await expect(view.locator("#message")).to_have_value('code.py:1-2\n```python\nprint("hello")\n\n```\n')
