"""Unit tests: the Hugging Face client that tools, sandboxes, logins and export share."""
