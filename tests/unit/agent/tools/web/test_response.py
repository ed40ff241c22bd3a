"""Responses: their kind, by type and bytes, and their text, in whatever character set it is declared, found or wrongly named."""

import codecs

import pytest

from agent.tools.web.response import ContentType, decode, detect_kind, parse_type

TEXT = "Grüße, Zoë — Привет"


@pytest.mark.parametrize(
    ("header", "media_type", "charset"),
    [
        ("text/html; charset=UTF-8", "text/html", "UTF-8"),
        ('Text/HTML;charset="utf-8"; x=y', "text/html", "utf-8"),
        ("application/json", "application/json", ""),
        ("", "", ""),
        ("nonsense", "", ""),
        ("text/plain; charset", "text/plain", ""),
        ("text/pla\x1bin", "", ""),
        ("text /html", "", ""),
    ],
)
def test_a_content_type_is_read(header: str, media_type: str, charset: str) -> None:
    parsed = parse_type(header)
    assert (parsed.media_type, parsed.charset) == (media_type, charset)


@pytest.mark.parametrize(
    ("media_type", "data", "kind"),
    [
        ("text/html", b"<p>x", "html"),
        ("application/xhtml+xml", b"<p>x", "html"),
        ("application/vnd.api+json", b"{}", "text"),
        ("image/svg+xml", b"<svg>", "text"),
        ("", b"\n <!DOCTYPE html><p>x", "html"),
        ("application/octet-stream", b"<html><p>x", "html"),
        ("application/octet-stream", b"plain words", "text"),
        ("", b"\x7fELF\0\0", "binary"),
        ("text/plain", b"PK\x03\x04\0\0", "binary"),
        ("text/html", b"\x89PNG\r\n\0", "binary"),
        ("image/png", b"words", "binary"),
        ("application/pdf", b"%PDF-1.7", "binary"),
        ("text/plain", codecs.BOM_UTF16_LE + "x".encode("utf-16-le"), "text"),
    ],
)
def test_the_bytes_decide_where_the_type_does_not(media_type: str, data: bytes, kind: str) -> None:
    assert detect_kind(ContentType(media_type), data) == kind


@pytest.mark.parametrize("name", ["utf-8", "utf-16", "windows-1251", "koi8-r", "iso-8859-5", "gb18030"])
def test_text_is_decoded_with_the_headers_character_set(name: str) -> None:
    text = "Привет"
    assert decode(text.encode(name), name) == text


def test_a_mark_goes_before_the_header() -> None:
    assert decode(codecs.BOM_UTF8 + TEXT.encode(), "windows-1252") == TEXT
    assert decode(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "") == TEXT


def test_a_page_may_declare_its_character_set() -> None:
    for meta in (b'<meta charset="windows-1251">', b"<META http-equiv=x content='text/html; charset=windows-1251'>"):
        assert decode(meta + "Привет".encode("cp1251"), "", html=True).endswith("Привет")
    assert decode(b'<meta charset="utf-16">' + TEXT.encode(), "", html=True).endswith(TEXT)
    assert "Привет" not in decode(b'<meta charset="windows-1251">' + "Привет".encode("cp1251"), "")


def test_a_wrong_character_set_costs_letters_and_nothing_more() -> None:
    assert decode("Zoë".encode("cp1252"), "utf-8") == "Zo�"
    assert decode("Zoë".encode(), "iso-8859-1") == "ZoÃ«"


@pytest.mark.parametrize(
    "name",
    ["", "no-such", "zip", "rot13", "unicode_escape", "utf-7", "idna", "punycode", "base64", "x" * 10_000, "\0", "ü"],
)
def test_an_unknown_character_set_is_ignored(name: str) -> None:
    assert decode(TEXT.encode(), name) == TEXT


def test_without_any_word_text_is_utf8_or_else_what_browsers_take_it_for() -> None:
    assert decode("Zoë €".encode(), "") == "Zoë €"
    assert decode("Zoë €".encode("cp1252"), "") == "Zoë €"
    assert decode("Zoë".encode()[:-1], "") == "Zo"
