"""Redaction: replaces secrets in text by markers that name their kind, in whole texts and in streams alike. Pure, but for the pauses in large texts.

Value: a secret that is known, such as the content of OPENAI_API_KEY.
Pattern: the format of a kind of secret, such as `hf_` and 20 letters or digits.
Finder: values or patterns compiled into regular expressions.
Redactor: replaces what the finders find.
RedactionStream: redacts one text that comes in chunks.
Marker: what replaces a secret, such as `[redacted: OpenAI key]`.

Worth knowing. `agent/session/redact_input.py` redacts each input before the session decides on it, so journal, replay, snapshot,
the model's history and what runs agree. A tool runs with the redacted arguments that were shown and approved. The digest of a
submission is of its original body, so that one sent again is recognized. A stream holds back only text that may be the beginning
of a secret. Where a stream is cut off, a half that may be a secret becomes `[redacted: cut short]`; after a kill it is gone. Not
found: secrets shorter than eight characters, encoded in other ways than JSON, URL and base64, or read by a tool in parts.
"""

from agent.redaction.patterns import PATTERNS, SecretPattern, parse_pattern
from agent.redaction.redactor import CUT_SHORT, RedactionStream, Redactor
from agent.redaction.slices import SlicedRedaction, redact_in_slices
from agent.redaction.values import environment_secrets, named_secrets

__all__ = [
    "CUT_SHORT",
    "PATTERNS",
    "RedactionStream",
    "Redactor",
    "SecretPattern",
    "SlicedRedaction",
    "environment_secrets",
    "named_secrets",
    "parse_pattern",
    "redact_in_slices",
]
