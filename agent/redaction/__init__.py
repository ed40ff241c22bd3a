"""Redaction: secrets in text are replaced by a marker that names their kind. Pure; the same for a text whole or in pieces.

A secret is a known value (`values.py`) or has a known format (`patterns.py`); `Redactor` finds both (`redactor.py`).
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
