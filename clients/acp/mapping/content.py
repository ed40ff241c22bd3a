"""Content: the blocks of a prompt as the text of a user's input. Pure."""

from clients.acp.rpc import INVALID_PARAMS, Failure, Message

RESOURCE_CHARS = 200_000
"""Characters of one embedded file that reach the model; the rest is cut, and the text says so."""

BLOCKS_MAX = 1_000
"""Blocks of one prompt; more are refused."""


def prompt_text(blocks: object) -> str:
    """The text of a prompt: texts and mentions as they come, then the embedded files, each marked as one. Raises `Failure`."""
    if not isinstance(blocks, list) or not blocks or len(blocks) > BLOCKS_MAX:
        raise Failure(INVALID_PARAMS, f"`prompt` is a list of 1 to {BLOCKS_MAX} content blocks")
    spoken, files = "", []
    for block in blocks:
        if not isinstance(block, dict):
            raise Failure(INVALID_PARAMS, "a content block is an object")
        piece, file = _read_block(block)
        spoken = _joined(spoken, piece, mention=block.get("type") != "text")
        files += [file] if file else []
    text = "\n\n".join([*([spoken] if spoken.strip() else []), *files])
    if not text.strip() and not any(block.get("type") == "image" for block in blocks):
        raise Failure(INVALID_PARAMS, "the prompt is empty")
    return text


def _read_block(block: Message) -> tuple[str, str]:
    """What stands in the text, and what is added behind it."""
    match block.get("type"):
        case "text":
            return _text(block, "text"), ""
        case "image":
            return "", ""
        case "resource_link":
            return f"[@{_text(block, 'name')}]({_text(block, 'uri')})", ""
        case "resource":
            resource = block.get("resource")
            if not isinstance(resource, dict):
                raise Failure(INVALID_PARAMS, "a block `resource` has an object `resource`")
            uri = _text(resource, "uri")
            name = uri.rstrip("/").rpartition("/")[2] or uri
            if not isinstance(resource.get("text"), str):
                return f"[@{name}]({uri})", ""
            return f"[@{name}]({uri})", _embedded(uri, resource["text"])
        case other:
            raise Failure(
                INVALID_PARAMS, f"this agent takes texts, links, embedded files and images, no content block {other!r}"
            )


def _text(block: Message, name: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise Failure(INVALID_PARAMS, f"`{name}` of a content block is a text")
    return value


def _joined(before: str, piece: str, *, mention: bool) -> str:
    """Texts stand apart as paragraphs of their own lines; a mention stands within its sentence."""
    if not before or not piece or before[-1].isspace() or piece[0].isspace():
        return before + piece
    after_mention = before.endswith(")")
    return before + (" " if mention or after_mention else "\n") + piece


def _embedded(uri: str, text: str) -> str:
    cut = len(text) - RESOURCE_CHARS
    note = f"\n[cut: {cut} more characters]" if cut > 0 else ""
    return f"File {uri}:\n<file>\n{text[:RESOURCE_CHARS]}{note}\n</file>"
