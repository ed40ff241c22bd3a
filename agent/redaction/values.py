"""Known secrets: which variables hold one, and the spellings in which a value may appear in text."""

import base64
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")
SECRET_SUFFIXES = ("_PASS", "_PWD", "_PAT", "_AUTH", "_DSN")
"""Endings of variable names whose value is or holds a secret. In the middle of a name they mean other things (`SSH_AUTH_SOCK`)."""
PATH_SUFFIXES = ("_FILE", "_PATH", "_DIR")
"""Endings of variable names whose value is the place of a secret and not the secret."""

VALUE_CHARS_MIN = 8
VALUE_CHARS_MAX = 8_192
NAME_CHARS_MAX = 40

COMMON_VALUES = frozenset(
    {
        "changeme",
        "password",
        "passw0rd",
        "password1",
        "username",
        "disabled",
        "required",
        "optional",
        "redacted",
        "localhost",
        "undefined",
        "anonymous",
        "development",
        "production",
        "staging",
        "testing",
        "12345678",
        "123456789",
        "1234567890",
        "keychain",
        "keyring",
        "tokenize",
        "tokenizer",
    }
)
"""Values that are no secrets: to redact them would redact ordinary words."""


def environment_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets in an environment: value -> name of the variable. By the name, as `OPENAI_API_KEY` or `DB_PASSWORD`."""
    return named_secrets((name, value) for name, value in environ.items() if is_secret_name(name.upper()))


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name, in upper case, holds a secret."""
    by_word = any(word in name for word in SECRET_NAMES) and not name.endswith(PATH_SUFFIXES)
    return by_word or name.endswith(SECRET_SUFFIXES)


def named_secrets(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The secrets among these pairs (name, value): value -> name. Values that are too short or too common are left out."""
    stripped = ((name[:NAME_CHARS_MAX], value.strip()) for name, value in pairs)
    return {value: name for name, value in stripped if is_secret_value(value)}


def is_secret_value(value: str) -> bool:
    """Whether the value can be a secret: neither too short or long, nor common, nor of two characters alone."""
    return (
        VALUE_CHARS_MIN <= len(value) <= VALUE_CHARS_MAX and value.lower() not in COMMON_VALUES and len(set(value)) > 2
    )


def spellings(value: str) -> list[str]:
    """The value as it is, and as in JSON, Python, a URL and base64 (at each of the three alignments, without the edges)."""
    data = value.encode(errors="surrogatepass")
    result = [value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]]
    result += [quote(data, safe=""), quote(data), quote_plus(data)]
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + data).decode()
        groups, rest = divmod(shift + len(data), 3)
        stable = encoded[(0, 2, 3)[shift] : groups * 4 + rest]
        result += [stable, stable.translate(_URLSAFE)]
    return list(dict.fromkeys(result))


_URLSAFE = str.maketrans("+/", "-_")
