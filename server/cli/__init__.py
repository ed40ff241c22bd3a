"""Command line: the `holdfast` command, one module for each subcommand."""
