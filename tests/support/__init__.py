"""Doubles that stand in for the network: a scripted model server and what it checks."""
