"""Sequence: the `serverSeq` of actions. It follows from positions in the sessions' logs alone, so that it outlives cuts and restarts. Pure.

The action number i of the event with the seq s stands at the place s * STEP + i of its session. A client's `serverSeq` is the sum of the
places over the sessions that it follows, so it grows with every action. The sum that a client brings back says where it stands: with one
session exactly, with several whether it has everything, for none of its places can have been beyond what there is now. Bits above the sum
tell the data's epoch, and whether the client ever followed other sessions than those that it names: such a number says nothing.
"""

from typing import Final
from zlib import crc32

STEP: Final = 1_024
"""More actions than an event has: two for each of the 256 calls that may wait for approval at once."""
EPOCH_BIT: Final = 44
MARK: Final = 1 << 52
"""Added for good when the client leaves a session, or the sum would fall. All stays below 2^53, the largest whole number of JavaScript."""


def place(seq: int, number: int) -> int:
    """Where the action `number` (from 0) of the event `seq` stands in its session."""
    return seq * STEP + min(number, STEP - 1)


def seq_of(place: int) -> int:
    """The seq of the event of the action at this place."""
    return place // STEP


def base_of(epoch: str) -> int:
    """What is added to the sum for the data's epoch."""
    return (crc32(epoch.encode()) & 0xFF) << EPOCH_BIT


def sum_of(server_seq: int, epoch: str) -> int | None:
    """The sum in a client's `serverSeq`; None: it says nothing of where the client stands."""
    places = server_seq - base_of(epoch)
    return places if 0 <= places < 1 << EPOCH_BIT else None
