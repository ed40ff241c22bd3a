"""Workspace images: what a model may be shown, and why a file is none of it."""

import base64

import pytest

from agent.util.errors import ImageRefused
from agent.workspace.shown.images import WorkspaceImages, media_type
from agent.workspace.workspace import Workspace
from tests.support.executors import disk
from tests.support.models.images import png
from tests.unit.agent.workspace.workspaces import GO

JPEG, WEBP = b"\xff\xd8\xff\xe0", b"RIFF\x10\x00\x00\x00WEBPVP8 "


@pytest.mark.parametrize(("data", "kind"), [(png(), "png"), (JPEG, "jpeg"), (WEBP, "webp")])
async def test_an_image_is_known_by_its_first_bytes_and_becomes_a_url(
    workspace: Workspace, data: bytes, kind: str
) -> None:
    workspace.write("of/any.name", data, GO)
    url = await WorkspaceImages(workspace, disk()).read("of/any.name", 1_000)
    assert url == f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


async def test_what_is_no_image_or_too_large_or_not_there_is_refused_with_the_reason(workspace: Workspace) -> None:
    workspace.write("a.png", b"no image", GO)
    workspace.write("b.png", png(padding=1_000), GO)
    images = WorkspaceImages(workspace, disk())
    for path, why in (
        ("a.png", "no PNG, JPEG or WebP"),
        ("b.png", "1000 are sent"),
        ("c.png", "cannot be read"),
        ("../d", ".."),
    ):
        with pytest.raises(ImageRefused, match=why):
            await images.read(path, 1_000)
    assert media_type(b"GIF89a") == media_type(b"<svg xmlns=") == media_type(b"") == ""
