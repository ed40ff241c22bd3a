"""Secret formats: each is a row of literals and bounded runs of characters, so that matching takes linear time.

Sources: the providers' own pages on the formats of their tokens, and the rules of GitHub's and GitLab's secret scanning.
"""

import re
from typing import NamedTuple

ALNUM = "A-Za-z0-9"
BASE64URL = "A-Za-z0-9_-"
BASE64 = "A-Za-z0-9+/="
PREFIX_CHARS_MIN = 3


class Literal(NamedTuple):
    """These characters. `any_case`: in upper case, lower case or mixed."""

    text: str
    any_case: bool = False


class Run(NamedTuple):
    """`least` to `most` characters of a class, written as inside the brackets of a regular expression."""

    chars: str
    least: int
    most: int


class SecretPattern(NamedTuple):
    """A format. Its first part is a `Literal`.

    The first `shown` parts stay readable. `tail`: characters that belong to the secret as long as they go on. `dashes`:
    a single dash does too, two of them end it. `before`: what may not stand just before it, an escape such as `\\n` in a
    string literal set aside; so the last letter of a word is not held back as the beginning of a secret. `after`: what
    must stand there instead, a regular expression of fixed width. `until`: what must follow and is not part of it.
    """

    name: str
    parts: tuple[Literal | Run, ...]
    tail: str = ""
    before: str = ALNUM
    after: str = ""
    shown: int = 0
    until: str = ""
    dashes: bool = False


def prefixed(name: str, prefix: str, chars: str, least: int) -> SecretPattern:
    """The most common format: a prefix, then at least `least` characters of a class."""
    return SecretPattern(name, (Literal(prefix), Run(chars, least, least)), tail=chars)


def _private_keys() -> list[SecretPattern]:
    kinds = ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "]
    headers = [f"BEGIN {kind}PRIVATE KEY-----" for kind in kinds] + ["BEGIN PGP PRIVATE KEY BLOCK-----"]
    body = BASE64 + r"\s\\:,"
    return [
        SecretPattern("private key", (Literal(header),), tail=body, after="-----", dashes=True) for header in headers
    ]


PATTERNS: tuple[SecretPattern, ...] = (
    SecretPattern("Hugging Face token", (Literal("hf_oauth_"), Run("A-Za-z0-9_.-", 16, 16)), tail="A-Za-z0-9_.-"),
    prefixed("Hugging Face token", "hf_", ALNUM, 20),
    prefixed("Holdfast token", "hft_", BASE64URL, 20),
    prefixed("Holdfast link", "hfl_", BASE64URL, 20),
    prefixed("Holdfast login cookie", "hfb_", BASE64URL, 20),
    prefixed("Holdfast guest cookie", "hfg_", BASE64URL, 20),
    prefixed("Holdfast origin key", "hfk_", BASE64URL, 20),
    prefixed("Holdfast ticket", "hfw_", BASE64URL, 20),
    prefixed("Holdfast login code", "hfc_", BASE64URL, 20),
    prefixed("Anthropic key", "sk-ant-", BASE64URL, 16),
    prefixed("OpenAI key", "sk-proj-", BASE64URL, 16),
    prefixed("OpenAI key", "sk-svcacct-", BASE64URL, 16),
    prefixed("OpenAI key", "sk-admin-", BASE64URL, 16),
    prefixed("OpenRouter key", "sk-or-", BASE64URL, 16),
    prefixed("Groq key", "gsk_", ALNUM, 20),
    prefixed("xAI key", "xai-", ALNUM, 20),
    prefixed("OpenAI key", "sk-", ALNUM, 20),
    *(prefixed("GitHub token", f"gh{kind}_", ALNUM, 30) for kind in "pousr"),
    prefixed("GitHub token", "github_pat_", "A-Za-z0-9_", 22),
    prefixed("GitLab token", "glpat-", "A-Za-z0-9_.-", 20),
    *(
        SecretPattern("AWS access key id", (Literal(kind), Run("A-Z0-9", 16, 16)), tail="A-Z0-9")
        for kind in ("AKIA", "ASIA")
    ),
    *(
        SecretPattern(
            "AWS secret key",
            (Literal(word, any_case=True), Run(r"\s\"'=:>,\\", 1, 12), Run(BASE64, 40, 40)),
            tail=BASE64,
            shown=2,
        )
        for word in ("secret_access_key", "secretaccesskey")
    ),
    prefixed("Google API key", "AIza", BASE64URL, 30),
    prefixed("Google OAuth token", "ya29.", "A-Za-z0-9_.-", 20),
    *(prefixed("Slack token", f"xox{kind}-", "A-Za-z0-9-", 10) for kind in "abeprs"),
    prefixed("Slack token", "xapp-", "A-Za-z0-9-", 20),
    *(prefixed("Stripe key", f"{kind}_{mode}_", ALNUM, 16) for kind in ("sk", "rk") for mode in ("live", "test")),
    prefixed("npm token", "npm_", ALNUM, 30),
    prefixed("PyPI token", "pypi-", BASE64URL, 32),
    SecretPattern(
        "JSON web token",
        (Literal("eyJ"), Run(BASE64URL, 8, 1024), Literal(".eyJ"), Run(BASE64URL, 8, 8)),
        tail="A-Za-z0-9_.-",
        before=BASE64URL,
    ),
    *_private_keys(),
    SecretPattern(
        "credential",
        (Literal("basic ", any_case=True), Run(BASE64, 8, 8)),
        tail=BASE64,
        after="[aA]uthorization: ",
        shown=1,
    ),
    SecretPattern(
        "credential",
        (Literal("bearer ", any_case=True), Run("A-Za-z0-9._~+/=-", 20, 20)),
        tail="A-Za-z0-9._~+/=-",
        shown=1,
    ),
    SecretPattern(
        "password",
        (Literal("//"), Run(r"^\s/:@\"'<>`", 0, 64), Literal(":"), Run(r"^\s/@\"'<>`", 1, 256)),
        after="[A-Za-z0-9]:",
        shown=3,
        until="@",
    ),
)


_EXTRA = re.compile(
    r"(?P<prefix>(?:[^\\\[\](){}*+?.|^$]|\\[^A-Za-z0-9])+)\[(?P<chars>[^\[\]\\^]+)\]\{(?P<least>\d{1,3}),\}"
)


def parse_pattern(name: str, text: str) -> SecretPattern:
    r"""Parse an operator's format, such as `acme_[A-Za-z0-9]{20,}`: a prefix, one class of characters, the minimum number.

    Other regular expressions are refused: formats of this form are matched in linear time, and a stream knows how much to
    hold back. Raises ValueError with a message that says what is wrong.
    """
    match = _EXTRA.fullmatch(text)
    if match is None:
        raise ValueError(f"{name!r}: {text!r} is not of the form `prefix[A-Za-z0-9]{{20,}}`")
    prefix, least = re.sub(r"\\(.)", r"\1", match["prefix"]), int(match["least"])
    if len(prefix) < PREFIX_CHARS_MIN or not least:
        raise ValueError(f"{name!r}: needs a prefix of {PREFIX_CHARS_MIN} characters and at least one after it")
    try:
        re.compile(f"[{match['chars']}]")
    except re.error as error:
        raise ValueError(f"{name!r}: [{match['chars']}] is not a class of characters: {error}") from error
    return prefixed(name, prefix, match["chars"], least)
