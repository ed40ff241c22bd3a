"""Telemetry: logs, metrics and traces, and the secrets that must not appear in them.

Words of this package:

Log context: the session, turn, user and connection that a log line is about.
Known secrets: values that are redacted from logs and sessions.
Observer: counts and traces one awake session from its recorded events.
"""
