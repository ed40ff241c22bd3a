"""Tests of the door: who gets in, by which way, for how long."""
