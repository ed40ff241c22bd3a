"""Authentication tests: who gets in, with which credentials, for how long."""
