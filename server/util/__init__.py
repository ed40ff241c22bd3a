"""Helpers that know nothing of the rest of the server: time, hosts, rate limits, bounded maps, private files, refusals."""
