"""Images: those of a prompt, as files that are put into the workspace before the prompt is submitted. Pure."""

import binascii
from collections.abc import Sequence

from clients.acp.rpc import INVALID_PARAMS, Failure
from protocol.content import ImageFile, Images

TYPES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
"""What the wire takes, with the ends of the files' names."""
IMAGES_MAX = 8
"""Images of one input; the wire takes no more."""
FOLDER = "images"


def read_images(blocks: object, submission_id: str) -> dict[str, bytes]:
    """The images of a prompt's blocks by their paths in the workspace, which no other prompt has. Raises `Failure`."""
    found: dict[str, bytes] = {}
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, dict) or block.get("type") != "image":
            continue
        end = TYPES.get(str(block.get("mimeType")))
        if end is None or len(found) >= IMAGES_MAX:
            raise Failure(
                INVALID_PARAMS, f"a prompt takes {IMAGES_MAX} images at most, of the types {', '.join(TYPES)}"
            )
        try:
            data = binascii.a2b_base64(str(block.get("data")), strict_mode=True)
        except (binascii.Error, ValueError) as error:
            raise Failure(INVALID_PARAMS, f"`data` of an image is base64: {error}") from error
        if not data:
            raise Failure(INVALID_PARAMS, "an image of a prompt is empty: give its bytes as `data`")
        found[f"{FOLDER}/{submission_id}-{len(found) + 1}.{end}"] = data
    return found


def with_images(text: str, images: object) -> str:
    """The text of an input as a client is shown it that did not say it: each image by its path in the workspace."""
    shown: Sequence[ImageFile] = images if isinstance(images, list) else []
    return "\n".join([text, *(f"[image: {one.path}]" for one in shown)])


def image_files(images: dict[str, bytes]) -> Images:
    """The same as the wire names them."""
    return [ImageFile(path) for path in images]
