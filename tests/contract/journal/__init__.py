"""Journal contract: one suite for the journal of every backend."""
