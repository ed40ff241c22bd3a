"""The page in a real browser, in front of the real server; only the model's network is stood in for."""
