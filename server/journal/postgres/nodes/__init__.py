"""Nodes on PostgreSQL: who is there, who owns what, and what one node tells another. Used only with `nodes.several`."""
