"""Images: the user's images in a request, as providers take them, or the reason why the model does not see them.

A message of the user has the paths of its images under `images`. The content that providers get is OpenAI's: parts with an
`image_url`, which LiteLLM translates, before the part with the text, as Anthropic's documents advise.
"""

import re
from typing import Any, Final

import msgspec

from agent.models.errors import ModelError
from agent.models.types import ModelRequest
from agent.util.errors import ImageRefused

KEY: Final = "images"
"""The key of a message's paths; no provider gets it."""

IMAGE_BYTES_MAX = 3_500_000
"""Bytes of an image that a model is shown: Anthropic takes 5 MB in base64, which is 3.75 MB of image. Of a larger one it is told."""

IMAGES_BYTES_MAX = 8_000_000
"""Bytes of all images in a model call: 11 MB in base64, below what one request to a large provider may have. The oldest are left out, and told."""

_UNSEEN = "[The user shows you the image {}, but you do not see it: {}.]"
_OTHERS = "the conversation has too many or too large images; this one was sent earlier"


def has_images(request: ModelRequest) -> bool:
    """Whether the user shows images in the conversation."""
    return any(KEY in message for message in request.messages)


def refuses_images(error: ModelError) -> bool:
    """Whether a request with images may have been refused because of them. Servers say so in many ways, some as a fault of theirs."""
    names_them = re.search(r"\b(?:image|vision|multi-?modal)", error.message, re.IGNORECASE) is not None
    return error.code == "model_bad_request" or (
        error.code in ("model_unavailable", "model_bad_response") and names_them
    )


async def as_seen(request: ModelRequest, sees: bool | None, refused: str) -> ModelRequest:
    """The request with its images, or with a sentence in the place of each if the model does not see them.

    `sees`: None: it is not known, so it is tried. `refused`: why its provider took none; empty: it was not asked.
    """
    if not has_images(request):
        return request
    if refused or sees is False:
        return _without_images(request, refused or "this model takes no images")
    return await _with_images(request)


def _without_images(request: ModelRequest, why: str) -> ModelRequest:
    messages = [
        _told(message, [(path, why) for path in _paths(message)]) if KEY in message else message
        for message in request.messages
    ]
    return msgspec.structs.replace(request, messages=messages)


async def _with_images(request: ModelRequest) -> ModelRequest:
    """The request with its images, the newest first within `IMAGES_BYTES_MAX`; of the others the model is told."""
    messages: list[dict[str, object]] = []
    left = IMAGES_BYTES_MAX
    for message in reversed(request.messages):
        if KEY not in message:
            messages.append(message)
            continue
        parts: list[dict[str, object]] = []
        unseen: list[tuple[str, str]] = []
        for path in _paths(message):
            url = await _read(request, path, IMAGE_BYTES_MAX, unseen)
            if url and len(url) * 3 // 4 > left:
                left = 0  # what is older is not sent either: else a conversation would lose one from its middle
                unseen.append((path, _OTHERS))
            elif url:
                left -= len(url) * 3 // 4
                parts.append({"type": "image_url", "image_url": {"url": url}})
        told = _told(message, unseen)
        if parts:
            told["content"] = [*parts, {"type": "text", "text": told["content"]}]
        messages.append(told)
    return msgspec.structs.replace(request, messages=messages[::-1])


async def _read(request: ModelRequest, path: str, most: int, unseen: list[tuple[str, str]]) -> str:
    if request.read_image is None:
        unseen.append((path, "this server has no workspace for it"))
        return ""
    try:
        return await request.read_image(path, most)
    except ImageRefused as refused:
        unseen.append((path, str(refused)))
        return ""


def _told(message: dict[str, Any], unseen: list[tuple[str, str]]) -> dict[str, object]:
    words = [_UNSEEN.format(path, why) for path, why in unseen]
    content = "\n".join([message["content"], *words])
    return {**{name: value for name, value in message.items() if name != KEY}, "content": content}


def _paths(message: dict[str, Any]) -> list[str]:
    return list(message[KEY])
