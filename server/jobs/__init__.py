"""Jobs: work that runs on a schedule: the export of sessions to datasets, retention, full garbage collections."""
