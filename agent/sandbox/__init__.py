"""Sandboxes: where an agent's commands run and its files are, behind one interface (base.py)."""
