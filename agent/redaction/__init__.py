"""Redaction: replaces secrets in text by markers that name their kind, in whole texts and in streams alike. Pure.

Value: a secret that is known, such as the content of OPENAI_API_KEY.
Pattern: the format of a kind of secret, such as `hf_` and 20 letters or digits.
Finder: values or patterns compiled into regular expressions.
Redactor: replaces what the finders find.
RedactionStream: redacts one text that comes in chunks.
Marker: what replaces a secret, such as `[redacted: OpenAI key]`.
"""

from agent.redaction.patterns import PATTERNS, SecretPattern, parse_pattern
from agent.redaction.redactor import CUT_SHORT, RedactionStream, Redactor
from agent.redaction.values import environment_secrets, named_secrets

__all__ = [
    "CUT_SHORT",
    "PATTERNS",
    "RedactionStream",
    "Redactor",
    "SecretPattern",
    "environment_secrets",
    "named_secrets",
    "parse_pattern",
]
