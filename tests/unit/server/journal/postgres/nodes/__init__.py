"""Node tests on PostgreSQL: ownership and what nodes tell one another, on a real database."""
