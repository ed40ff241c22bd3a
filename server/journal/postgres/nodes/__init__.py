"""Nodes on PostgreSQL: a node's threads, and what they tell it. Used only with `nodes.several`."""
