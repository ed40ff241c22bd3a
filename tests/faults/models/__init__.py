"""Faults of servers with real weights."""
