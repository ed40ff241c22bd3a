"""Tests of the ACP agent: its mapping as scripts of plain data."""
