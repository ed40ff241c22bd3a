"""Integration tests: whole servers, over real sockets."""
