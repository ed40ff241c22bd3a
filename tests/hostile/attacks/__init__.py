"""Attacks: what one hostile client does, one file for an area. Each is a function that `tests.hostile.attacker` runs."""
