"""The tests: sentences about behaviour, mirroring the source."""
