"""Images over a whole server: an uploaded image reaches the model, and is in the view, the replay and the next call."""

from pathlib import Path

import msgspec

from agent.models.catalog import ModelEntry
from protocol.content import ImageFile, UserMessage
from protocol.submissions import Edit, SetModel, UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Client, client, listening, same_view
from tests.support.models.images import messages_of, png
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client

SHOWN = [ImageFile("shots/a.png")]


async def test_an_uploaded_image_is_seen_and_stays_in_the_conversation(tmp_path: Path) -> None:
    async with ScriptedModel([text("One."), text("Two."), text("Three."), text("Four.")]) as model:
        settings = settings_for(tmp_path, model)
        models = [ModelEntry(name=settings.model.model, images=True), ModelEntry(name="openai/blind", images=False)]
        settings = msgspec.structs.replace(settings, model=msgspec.structs.replace(settings.model, models=models))
        async with listening(settings) as live, client(live) as one, http_client(live.http) as http:
            await one.synced()
            path = f"/api/sessions/{one.ready.session_id}/files/shots/a.png"
            assert (await http.put(path, content=png())).status_code == 201
            shown = await http.get(path)
            assert (shown.headers["content-type"], shown.content) == ("image/png", png())
            starts = {"gif": b"GIF89a", "avif": b"\0\0\0 ftypavif", "bmp": b"BM\n\0\1\0\0\0\0\0", "svg+xml": b"<svg "}
            for kind, start in starts.items():
                assert (await http.put(f"{path}.{kind}", content=start + bytes(10))).status_code == 201
                shown_as = "application/octet-stream" if kind == "svg+xml" else f"image/{kind}"
                assert (await http.get(f"{path}.{kind}")).headers["content-type"] == shown_as
            await turn(one, UserInput(text="what is it?", images=SHOWN))
            await turn(one, UserInput(text="and its colour?"))
            first, second = model.requests
            assert messages_of(first)[-1]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
            assert messages_of(second)[1] == messages_of(first)[-1]
            said = [message for message in one.view.messages if isinstance(message, UserMessage)]
            assert [message.images for message in said] == [SHOWN, msgspec.UNSET]

            await one.send(SetModel(model="openai/blind"))
            await turn(one, Edit(turn_id=said[0].turn_id, text="once more?", images=SHOWN))
            assert "shots/a.png, but you do not see it" in messages_of(model.requests[2])[-1]["content"]
            assert (await http.delete(path)).status_code == 204
            await one.send(SetModel(model=settings.model.model))
            await turn(one, UserInput(text="still there?"))
            assert "it cannot be read" in messages_of(model.requests[3])[1]["content"]
            async with client(live, one.ready.session_id) as late, client(live, one.ready.session_id, after=0) as back:
                assert same_view((await late.synced()).view, one.view)
                assert same_view((await back.synced()).view, one.view)


async def turn(one: Client, submission: UserInput | Edit) -> None:
    await one.send(submission)
    await one.until_type(*DONE)
