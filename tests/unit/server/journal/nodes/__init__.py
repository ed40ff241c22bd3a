"""Node tests: leases, as pure functions of times."""
