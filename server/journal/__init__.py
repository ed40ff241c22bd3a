"""Journal: stores every event of every session before any client sees it.

Words of this package:

Record: one stored event, or several merged ones.
Head: the seq of a session's last stored event.
Lease: the right to append to a session. Its term grows with each new owner; an older owner is fenced.
Epoch: a name that changes when stored events may have been lost.
Mark: a file that shows at the next start whether that has happened.
Idempotency record: the first answer to a submission, given again when it is sent again.
Claim: a resource outside of the server that a session must release.
Tombstone: what is left of a deleted session, so that its id is never used again.

`base` is the interface; `postgres` implements it on PostgreSQL, all other modules on SQLite. All items that wait are committed in one transaction by
one writer thread. A database that does not hold the last event named by its mark was put back from a copy, and a new epoch
begins; a backup leaves the mark out. A deletion writes a tombstone at once and removes the data in small steps. Pages are
checked at start only where the mark does not vouch for the file. While the journal cannot be written, sessions serve what is
stored, tools that ran are of unknown outcome, and approvals go on waiting.
"""
