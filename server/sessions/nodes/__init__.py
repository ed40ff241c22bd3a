"""Sessions over several nodes: which of them this node takes, and what it does for those that another node runs."""
