"""Tests of the page in a real browser and against the real server; only the model is a stand-in."""
