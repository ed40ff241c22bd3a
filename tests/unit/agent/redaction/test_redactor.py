"""Redactor: known formats and values are replaced by a marker, however the text is split, in linear time."""

import asyncio
import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.redaction import (
    CUT_SHORT,
    PATTERNS,
    Redactor,
    SlicedRedaction,
    environment_secrets,
    named_secrets,
    parse_pattern,
    redact_in_slices,
)
from agent.redaction.patterns import Literal
from agent.redaction.slices import SLICE_CHARS
from agent.util.tasks import TaskOwner

BODY = "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3Ab4Cd5Ef6Gh7"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{BODY[:43]}"
PEM = (
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{BODY}\n\n{BODY}\n{BODY}\n"
    "-----END RSA PRIVATE KEY-----"
)
FORMATS = [
    ("Hugging Face token", f"hf_{BODY[:34]}"),
    ("Hugging Face token", f"hf_oauth_eyJhbGciOi.{BODY}.{BODY}"),
    ("Holdfast token", f"hft_{BODY[:20]}-_{BODY[:20]}"),
    ("Holdfast login cookie", f"hfb_{BODY[:43]}"),
    ("Holdfast guest cookie", f"hfg_{'0f' * 16}_{'1a' * 8}_{'2b' * 16}_{BODY[:43]}"),
    ("Holdfast origin key", f"hfk_{BODY[:43]}"),
    ("Holdfast ticket", f"hfw_{BODY[:43]}"),
    ("Holdfast login code", f"hfc_1767225600000_{'0f' * 16}_{'1a' * 32}"),
    ("Holdfast link", f"hfl_{'0f' * 16}_{'1a' * 8}_{BODY[:43]}"),
    ("OpenAI key", f"sk-proj-{BODY[:30]}_{BODY[:9]}-{BODY[:20]}"),
    ("OpenAI key", f"sk-{BODY[:48]}"),
    ("Anthropic key", f"sk-ant-api03-{BODY}-{BODY[:20]}"),
    ("Groq key", f"gsk_{BODY[:52]}"),
    ("xAI key", f"xai-{BODY[:60]}"),
    *(("GitHub token", f"gh{kind}_{BODY[:36]}") for kind in "pousr"),
    ("GitHub token", f"github_pat_{BODY[:22]}_{BODY}"),
    ("GitLab token", f"glpat-{BODY[:20]}"),
    ("AWS access key id", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS access key id", "ASIAIOSFODNN7EXAMPLE"),
    ("Google API key", f"AIza{BODY[:35]}"),
    ("Slack token", f"xoxb-123456789012-{BODY[:24]}"),
    ("Stripe key", f"sk_live_{BODY[:24]}"),
    ("Stripe key", f"rk_live_{BODY[:24]}"),
    ("npm token", f"npm_{BODY[:36]}"),
    ("PyPI token", f"pypi-AgEIcHlwaS5vcmc{BODY}"),
    ("JSON web token", JWT),
]
VALUE = 'tr4vel/light+"often"'
REDACTOR = Redactor({VALUE: "DB_PASSWORD", "hunter2hunter2": "LOGIN_TOKEN", "tr4vel/light": "OTHER_KEY"}, PATTERNS)
SECRETS = [secret for _, secret in FORMATS] + [
    PEM,
    VALUE,
    "hunter2hunter2",
    "tr4vel/light",
    f"Authorization: Bearer {BODY[:32]}",
    "authorization: basic dXNlcjpwYXNzd29yZA==",
    "postgres://user:pa55w%rd@host/db",
    f"AWS_SECRET_ACCESS_KEY={BODY[:40]}",
]
PIECES = st.one_of(
    st.sampled_from(SECRETS),
    st.sampled_from(SECRETS).flatmap(lambda s: st.integers(0, len(s)).map(lambda n: s[:n])),
    st.sampled_from(["-", " ", "\n", "a", "_", "@", ":", "//", "eyJ", "hf_", "sk-", "x", ".", "\\n", "=", "A", "é"]),
    st.text(max_size=6),
)


@pytest.mark.parametrize(("name", "secret"), FORMATS)
def test_a_secret_of_a_known_format_is_replaced_by_its_name(name: str, secret: str) -> None:
    assert REDACTOR.redact(f"use {secret}, please") == f"use [redacted: {name}], please"
    assert REDACTOR.redact(f'KEY="{secret}"') == f'KEY="[redacted: {name}]"'
    assert REDACTOR.redact(f'"first\\n{secret}"') == f'"first\\n[redacted: {name}]"'


def test_of_a_private_key_nothing_is_left_but_its_end() -> None:
    output = REDACTOR.redact(f"here:\n{PEM}\nand on we go")
    assert output == "here:\n-----[redacted: private key]-----END RSA PRIVATE KEY-----\nand on we go"
    assert BODY not in REDACTOR.redact(json.dumps({"key": PEM}))


@pytest.mark.parametrize(
    ("text", "output"),
    [
        (f"Authorization: Bearer {BODY[:32]}\n", "Authorization: Bearer [redacted: credential]\n"),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "authorization: basic [redacted: credential]"),
        ("postgres://user:pa55w%rd@host/db", "postgres://user:[redacted: password]@host/db"),
        ("redis://:s3cret@host", "redis://:[redacted: password]@host"),
        (f'aws_secret_access_key = "{BODY[:40]}"', 'aws_secret_access_key = "[redacted: AWS secret key]"'),
    ],
)
def test_the_name_of_a_secret_stays_readable(text: str, output: str) -> None:
    assert REDACTOR.redact(text) == output


@pytest.mark.parametrize(
    "text",
    [
        "task-management and risk-assessment-of-something-long-and-hyphenated",
        "see https://example.com:8080/a@b and mailto:me@example.com, half_of_it",
        "the bearer of this letter; Bearer authentication",
        "shf_small and sk-learn, AKIA and eyJ and hf_ and -----BEGIN CERTIFICATE-----",
        "password: short",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert REDACTOR.redact(text) == text
    stream = REDACTOR.stream()
    assert "".join(map(stream.push, text)) + stream.flush() == text


def test_a_known_value_is_found_in_each_spelling() -> None:
    surrounded = [
        base64.b64encode(f"{before}{VALUE}{after}".encode()).decode()
        for before in ("", "u:", "ab:", "abc:")
        for after in ("", "!", "!!")
    ]
    for spelling in [VALUE, json.dumps(VALUE), quote(VALUE, safe=""), quote(VALUE), *surrounded]:
        assert "[redacted: DB_PASSWORD]" in REDACTOR.redact(f"({spelling})"), spelling
    urlsafe = "??>>~~ÿÿ??>>"
    assert "MY_KEY" in Redactor({urlsafe: "MY_KEY"}).redact(base64.urlsafe_b64encode(urlsafe.encode()).decode())


def test_the_longer_of_two_values_wins_and_no_format_cuts_a_value_in_two() -> None:
    assert REDACTOR.redact(VALUE) == "[redacted: DB_PASSWORD]"
    assert REDACTOR.redact("tr4vel/light+x") == "[redacted: OTHER_KEY]+x"
    tricky = Redactor({"p@ss/w:rd@long": "DB_PASSWORD"}, PATTERNS)
    assert tricky.redact("x://u:p@ss/w:rd@long@h") == "x://u:[redacted: DB_PASSWORD]@h"


@pytest.mark.parametrize("secret", SECRETS)
def test_a_redactor_that_has_compiled_nothing_yet_leaves_nothing_out(secret: str) -> None:
    REDACTOR.prepare_streams()
    for text in (secret, f"İ\n{secret.upper()}", secret.swapcase(), base64.b64encode(secret.encode()).decode()):
        assert Redactor(REDACTOR.values, PATTERNS).redact(text) == REDACTOR.redact(text)


@given(st.lists(PIECES, max_size=8), st.data())
@example(["postgres://user:pa55w%rd@host/db"], None)
def test_streams_give_the_same_text_however_it_is_split(pieces: list[str], data: st.DataObject | None) -> None:
    text = "".join(pieces)
    cuts = [1] * len(text) if data is None else data.draw(st.lists(st.integers(0, 12), max_size=60))
    stream, output, at = REDACTOR.stream(), "", 0
    for size in cuts:
        output += stream.push(text[at : at + size])
        at += size
    output += stream.push(text[at:]) + stream.flush()
    assert output == REDACTOR.redact(text)


@given(st.lists(st.one_of(PIECES, st.integers(1, 3_000).map("x ".__mul__)), max_size=12), st.integers(0, 9_000))
async def test_a_large_text_in_slices_gives_the_same_text(pieces: list[str], begins: int) -> None:
    text = "y" * begins + " " + "".join(pieces) * 3
    assert await redact_in_slices(REDACTOR, text) == REDACTOR.redact(text)
    assert REDACTOR.redact(await SlicedRedaction(REDACTOR).redact(text)) == REDACTOR.redact(text)


async def test_a_large_text_lets_other_tasks_run_in_between(tasks: TaskOwner) -> None:
    text, steps = "words " * 20_000, 0
    redaction = tasks.start(redact_in_slices(REDACTOR, text), "redaction")
    while not redaction.done():
        steps += 1
        await asyncio.sleep(0)
    assert redaction.result() == text and steps > len(text) // SLICE_CHARS


@given(st.lists(st.sampled_from(SECRETS), min_size=1, max_size=3), st.integers(1, 9))
def test_no_secret_passes_a_stream_in_pieces(secrets: list[str], size: int) -> None:
    text = " and ".join(secrets)
    stream = REDACTOR.stream()
    output = "".join(stream.push(text[at : at + size]) for at in range(0, len(text), size)) + stream.flush()
    for secret in secrets:
        assert secret not in output
    assert BODY[:10] not in output


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":-_"), max_size=80), st.integers(1, 7))
def test_ordinary_prose_is_hardly_held_back(text: str, size: int) -> None:
    """Without what stands in the middle of tokens, at most what could be the start of one waits: `bearer `, `aws_...`."""
    longest = max(len(part.text) for pattern in PATTERNS for part in pattern.parts if isinstance(part, Literal))
    stream, pushed, output = Redactor(patterns=PATTERNS).stream(), 0, 0
    for at in range(0, len(text), size):
        pushed += len(text[at : at + size])
        output += len(stream.push(text[at : at + size]))
        assert pushed - output == stream.held_chars <= longest


def test_held_back_text_comes_with_the_next_chunk() -> None:
    stream = Redactor(patterns=PATTERNS).stream()
    assert [stream.push(piece) for piece in ("with", " h", "ugo")] == ["with", " ", "hugo"]


def test_aborted_stream_shows_no_half_of_a_secret() -> None:
    for secret in (f"hf_{BODY}", "hunter2hunter2"):
        stream = REDACTOR.stream()
        assert stream.push(f"it is {secret[:12]}") + stream.cut() == f"it is {CUT_SHORT}"
    stream = REDACTOR.stream()
    assert stream.push("all is well, my h") + stream.cut() == "all is well, my h"
    stream = REDACTOR.stream()
    assert stream.push(f"hf_{BODY[:25]}") + stream.cut() == "[redacted: Hugging Face token]"


@pytest.mark.parametrize(
    "part",
    ["hf_", "eyJ", "eyJ" + "a" * 2000 + " ", "://a:", "-", "-----BEGIN ", "a", "bearer ", "sk-", "hunter2hunter",
     "-----BEGIN PRIVATE KEY-----", "://" + "a" * 60 + ":" + "b" * 255 + "/", "aws_secret_access_key ==="],
)  # fmt: skip
def test_matching_takes_linear_time(part: str) -> None:
    """So much of what looks most like secrets: a matcher that is not linear would not end within the test's time."""
    text = (part * (1 + 300_000 // len(part)))[:300_000]
    stream = REDACTOR.stream()
    output = "".join(stream.push(text[at : at + 997]) for at in range(0, len(text), 997)) + stream.flush()
    assert output == REDACTOR.redact(text)


def test_json_like_values_are_redacted_within_keys_too() -> None:
    secret = f"hf_{BODY[:34]}"
    value = {"a": [secret, 1, None, {"b": f"x {secret}"}], secret: True}
    assert REDACTOR.redact_value(value) == {
        "a": ["[redacted: Hugging Face token]", 1, None, {"b": "x [redacted: Hugging Face token]"}],
        "[redacted: Hugging Face token]": True,
    }


def test_redacted_text_is_not_redacted_again() -> None:
    output = REDACTOR.redact(" ".join(SECRETS))
    assert REDACTOR.redact(output) == output


def test_secrets_of_the_environment_are_recognized_by_name() -> None:
    environ = {
        "OPENAI_API_KEY": "k-1234567890",
        "DB_PASSWORD": "a b c d e f",
        "HF_TOKEN": "short",
        "MY_SECRET": "changeme",
        "HF_TOKEN_PATH": "keys/token-file",
        "HOME": "somewhere/else",
        "APP_CREDENTIALS": " padded-value ",
    }
    assert environment_secrets(environ) == {
        "k-1234567890": "OPENAI_API_KEY",
        "a b c d e f": "DB_PASSWORD",
        "padded-value": "APP_CREDENTIALS",
    }
    assert named_secrets([("x" * 100, "aaaaaaaaaaaa"), ("y" * 100, "abcabcabc")]) == {"abcabcabc": "y" * 40}


def test_short_words_for_secrets_count_at_the_end_of_a_name() -> None:
    secret = ["DB_PASS", "DB_PWD", "GITHUB_PAT", "NPM_CONFIG__AUTH", "SENTRY_DSN", "db_pass"]
    other = ["SSH_AUTH_SOCK", "OLDPWD", "PWD", "PASS_COUNT", "PATH", "COMPASS"]
    found = environment_secrets({name: f"value-of-{name}" for name in [*secret, *other]})
    assert sorted(found.values()) == sorted(secret)


def test_a_redactor_without_anything_to_hide_does_nothing() -> None:
    nothing = Redactor()
    stream = nothing.stream()
    assert nothing.redact(SECRETS[0]) == SECRETS[0] == stream.push(SECRETS[0]) + stream.flush() + stream.cut()


def test_with_values_adds_only_values_that_are_not_redacted_already() -> None:
    assert REDACTOR.with_values({f"hf_{BODY[:34]}": "owner"}) is REDACTOR
    assert REDACTOR.with_values({"something-else": "owner"}).redact("something-else") == "[redacted: owner]"


def test_custom_format_is_a_prefix_and_a_class() -> None:
    redactor = Redactor(patterns=[parse_pattern("Acme key", r"acme\.[a-z0-9]{6,}")])
    assert redactor.redact("is acme.abc123def it?") == "is [redacted: Acme key] it?"
    for wrong in ("(a+)+$", "acme_.*", "a[a-z]{2,}", "acme_[a-z]{0,}", "acme_[z-a]{3,}", "acme_[a-z]+", ""):
        with pytest.raises(ValueError, match=re.escape("'Acme key'")):
            parse_pattern("Acme key", wrong)
