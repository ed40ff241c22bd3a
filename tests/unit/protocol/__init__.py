"""Tests of the words: golden files, codec, merge, view, and what is written from the Structs."""
