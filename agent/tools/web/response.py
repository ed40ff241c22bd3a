"""What an answer is: its type, and its bytes as text in the character set that it says, or shows. Pure."""

import codecs
import re
from email.message import Message
from typing import Literal

import msgspec

Kind = Literal["html", "text", "binary"]

HTML = frozenset({"text/html", "application/xhtml+xml"})
TEXT = frozenset(
    {
        "application/ecmascript",
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/jsonl",
        "application/ndjson",
        "application/sql",
        "application/toml",
        "application/x-javascript",
        "application/x-ndjson",
        "application/x-sh",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
    }
)
# The encodings of https://encoding.spec.whatwg.org by the names of Python's codecs; others that Python knows are no
# character sets, or dangerous to decode by.
CHARSETS = re.compile(
    r"utf_8|utf_16(_[lb]e)?|ascii|iso8859_\d+|cp125\d|cp866|cp874|koi8_[ru]|mac_(roman|cyrillic)|gb2312|gbk|gb18030|"
    r"big5(hkscs)?|euc_jp|euc_kr|shift_jis|cp932|cp949|iso2022_jp"
)
LATIN = "cp1252"
"""What browsers take Latin-1 for, and what text is that says nothing and is not UTF-8."""
PROBE_BYTES = 8_192
META_BYTES = 1_024
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,100}")
_META = re.compile(rb"""<meta[^>]{0,200}charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf_8"), (codecs.BOM_UTF16_LE, "utf_16_le"), (codecs.BOM_UTF16_BE, "utf_16_be"))


class ContentType(msgspec.Struct, frozen=True):
    """A `Content-Type`: `text/html` and its charset; both empty where it says nothing."""

    media_type: str = ""
    charset: str = ""


def parse_type(header: str) -> ContentType:
    """The header, read."""
    message = Message()
    message["content-type"] = re.sub(r"[\r\n]", " ", header)
    kind = message.get_content_type()
    said = header.lstrip().lower().startswith(kind) and _TYPE.fullmatch(kind) is not None
    return ContentType(kind if said else "", str(message.get_param("charset", "")))


def by_type(media_type: str) -> Kind | None:
    """What a type says that it is; None: it says nothing of use."""
    if media_type in HTML:
        return "html"
    if media_type.startswith("text/") or media_type in TEXT or media_type.endswith(("+json", "+xml", "+yaml")):
        return "text"
    return None if media_type in ("", "application/octet-stream", "binary/octet-stream") else "binary"


def kind_of(told: ContentType, data: bytes) -> Kind:
    """What the bytes are; they decide where the type does not."""
    said = by_type(told.media_type)
    wide = data.startswith(tuple(mark for mark, _ in _MARKS)) or (_known(told.charset) or "").startswith("utf_16")
    if said == "binary" or (b"\0" in data[:PROBE_BYTES] and not wide):
        return "binary"
    if said is None and re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)", data[:PROBE_BYTES], re.IGNORECASE):
        return "html"
    return said or "text"


def decode(data: bytes, charset: str, *, html: bool = False) -> str:
    """The bytes as text: by their mark, else by what the header says, else by what the page says, else by what fits."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    said = _known(charset)
    if said is None and html and (found := _META.search(data[:META_BYTES])):
        said = _known(found[1].decode("ascii"))
        said = "utf_8" if said is not None and said.startswith("utf_16") else said  # it was read as ASCII just now
    if said is not None:
        return data.decode(said, "replace")
    try:
        # What was cut off in the middle of a character is UTF-8 all the same.
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return data.decode(LATIN, "replace")


def _known(charset: str) -> str | None:
    try:
        name = codecs.lookup(charset.strip().strip("\"'")).name.replace("-", "_")
    except (LookupError, ValueError, UnicodeError):
        return None
    if name in ("iso8859_1", "ascii"):
        return LATIN
    return name if CHARSETS.fullmatch(name) else None
