"""Ports: tests that run at the same time get different ports."""

import itertools

from tests.support.network.ports import SHARES, free_port, share


def test_no_port_is_given_twice_before_all_were_given() -> None:
    assert len({free_port() for _ in range(200)}) == 200


def test_no_two_workers_have_a_port_in_common() -> None:
    shares = [set(share(f"gw{number}")) for number in range(SHARES)]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(shares, 2))
    assert set(share("")) == shares[0]
