"""PostgreSQL journal: the journal of one server in a database that other programs run. Nothing of it is imported without `journal.url`.

Words of this package, beside those of `server.journal`:

Link: a connection to the database.
Batch: items of different sessions that one statement appends.
Lineage: which database this is, and which of its pasts: it changes when stored events may have been lost.

One thread writes, through one link that holds the database's lock for this server; a few read. The writer's calls are those of
the queue that SQLite's journal has: text waits a few milliseconds for the text of other sessions, and one statement commits it.
What that statement did not take is asked about in a second step, which is rare. After any failure the link is closed, never a
statement cancelled; the identical item may be given again, and is found if it was stored. All text is stored as its bytes in
UTF-8: the database's own `text` has no NUL.
"""
