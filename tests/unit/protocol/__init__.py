"""Tests of the protocol: golden files, codec, merging, view, and the generated documents."""
