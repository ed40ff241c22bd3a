"""Response: reads an answer's body within bounds, finds out what kind of content it is, and decodes it as text. Pure."""

import codecs
import re
import zlib
from collections.abc import AsyncIterator
from email.message import Message
from typing import Literal

import msgspec

from agent.tools.web.urls import FetchError

ACCEPTED = "gzip, deflate"
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Body(msgspec.Struct, frozen=True):
    """The bytes that were read. `cut`: there are more."""

    data: bytes
    cut: bool


async def read_body(pieces: AsyncIterator[bytes], encoding: str, most: int) -> Body:
    """The first `most` bytes of a body, decompressed; at most so many are taken from the network too. Raises `FetchError`.

    `encoding`: the `Content-Encoding`.
    """
    data, taken = bytearray(), 0
    inflater = _inflater(encoding)
    async for piece in pieces:
        taken += len(piece)
        data += piece if inflater is None else inflater.feed(piece, most + 1 - len(data))
        if len(data) > most or taken > most:
            return Body(bytes(data[:most]), True)
    if inflater is not None and not inflater.whole:
        raise FetchError("the server's answer ends in the middle of its compressed data")
    return Body(bytes(data), False)


class Inflater:
    """Decompresses gzip (of one or several members) or deflate (with the zlib header, as RFC 9110 says, or without)."""

    def __init__(self, gzip: bool) -> None:
        self._gzip = gzip
        self._inflate: zlib._Decompress | None = None

    @property
    def whole(self) -> bool:
        """Whether the compressed data is complete."""
        return self._inflate is None or self._inflate.eof

    def feed(self, piece: bytes, most: int) -> bytes:
        """The decompressed bytes of this piece, at most `most`; the rest is dropped. Raises `FetchError`."""
        made = bytearray()
        try:
            while piece and len(made) < most:
                if self._inflate is None or (self._gzip and self._inflate.eof):
                    self._inflate = zlib.decompressobj(_GZIP if self._gzip else _window_bits(piece))
                made += self._inflate.decompress(piece, most - len(made))
                if not self._inflate.eof:
                    break
                piece = self._inflate.unused_data.lstrip(b"\0") if self._gzip else b""
        except zlib.error as error:
            raise FetchError(f"the server's answer is not compressed as it says: {error}") from None
        return bytes(made)


def _inflater(encoding: str) -> Inflater | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return Inflater(gzip=name != "deflate")
    raise FetchError(f"the server's answer is compressed in a way that cannot be read: {name[:40]}")


def _window_bits(piece: bytes) -> int:
    """The window bits for `zlib.decompressobj`. A zlib header begins with 8 in its low bits, and two bytes that 31 divides (RFC 1950)."""
    framed = len(piece) > 1 and piece[0] & 15 == 8 and int.from_bytes(piece[:2], "big") % 31 == 0
    return _ZLIB if framed else _RAW


ContentKind = Literal["html", "text", "binary"]

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
# character sets, or not safe to decode.
CHARSETS = re.compile(
    r"utf_8|utf_16(_[lb]e)?|ascii|iso8859_\d+|cp125\d|cp866|cp874|koi8_[ru]|mac_(roman|cyrillic)|gb2312|gbk|gb18030|"
    r"big5(hkscs)?|euc_jp|euc_kr|shift_jis|cp932|cp949|iso2022_jp"
)
LATIN = "cp1252"
"""windows-1252: browsers read Latin-1 as this, and also text without a character set that is not UTF-8."""
PROBE_BYTES = 8_192
META_BYTES = 1_024
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,100}")
_META = re.compile(rb"""<meta[^>]{0,200}charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf_8"), (codecs.BOM_UTF16_LE, "utf_16_le"), (codecs.BOM_UTF16_BE, "utf_16_be"))


class ContentType(msgspec.Struct, frozen=True):
    """A `Content-Type`: `text/html` and its charset; each is empty if the header does not give it."""

    media_type: str = ""
    charset: str = ""


def parse_type(header: str) -> ContentType:
    """Parse a `Content-Type` header. A part that is missing or malformed is empty."""
    message = Message()
    message["content-type"] = re.sub(r"[\r\n]", " ", header)
    kind = message.get_content_type()
    valid = header.lstrip().lower().startswith(kind) and _TYPE.fullmatch(kind) is not None
    return ContentType(kind if valid else "", str(message.get_param("charset", "")))


def kind_of_media_type(media_type: str) -> ContentKind | None:
    """The kind of content that a media type stands for; None if the type does not tell, as `application/octet-stream`."""
    if media_type in HTML:
        return "html"
    if media_type.startswith("text/") or media_type in TEXT or media_type.endswith(("+json", "+xml", "+yaml")):
        return "text"
    return None if media_type in ("", "application/octet-stream", "binary/octet-stream") else "binary"


def detect_kind(content_type: ContentType, data: bytes) -> ContentKind:
    """The kind of content, by its media type, and by its bytes if the type does not tell."""
    kind = kind_of_media_type(content_type.media_type)
    wide = data.startswith(tuple(mark for mark, _ in _MARKS)) or (_known(content_type.charset) or "").startswith(
        "utf_16"
    )
    if kind == "binary" or (b"\0" in data[:PROBE_BYTES] and not wide):
        return "binary"
    if kind is None and re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)", data[:PROBE_BYTES], re.IGNORECASE):
        return "html"
    return kind or "text"


def decode(data: bytes, charset: str, *, html: bool = False) -> str:
    """The bytes as text. The character set is that of the byte order mark, else of the header (`charset`), else of the page's
    `meta` element, else UTF-8, else `LATIN`.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    name = _known(charset)
    if name is None and html and (match := _META.search(data[:META_BYTES])):
        name = _known(match[1].decode("ascii"))
        name = "utf_8" if name is not None and name.startswith("utf_16") else name  # it was read as ASCII just now
    if name is not None:
        return data.decode(name, "replace")
    try:
        # Text that is cut in the middle of a character is still UTF-8.
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
