"""Session tests over several nodes: the feed, and submissions from elsewhere."""
