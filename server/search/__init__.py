"""Search: finds sessions by what was said in them, by the user and by the model.

Words: the **index** is a file of its own, made from the journal and made anew if it is gone; a **text** is what one message of the
user or of the model says. A session **lags** while the journal holds more of it than the index.

The index is SQLite's FTS5 whichever database the journal is in: each server has one, brought up to date by reading the journal.
So a turn costs nothing more, several servers on one database need not agree on anything, and what is lost with the file is made
again. The sessions of who searches are brought up to date first, as far as a second suffices, and all others in the background.
"""
