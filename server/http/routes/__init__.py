"""Routes: the handlers, a module for each subject, with the list of its endpoints."""
