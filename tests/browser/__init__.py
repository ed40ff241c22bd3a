"""Browser tests: the page in a real browser with the real server; only the model is a stand-in."""
