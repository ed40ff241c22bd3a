"""Faults under editors: `holdfast acp` while servers, connections and processes end."""
