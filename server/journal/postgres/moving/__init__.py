"""Moving: takes a stopped server's journal from its data folder into a database, or back.

Words of this package:

Row: of a table, as both journals can give it: text as its bytes, times as text.
Digest: of all rows of one table, or of those of one session in it.
"""
