"""The choice of ports: wishes first, and whoever has to move pushes nobody away."""

from __future__ import annotations

import socket

import pytest

from tools.stack.parts import PARTS
from tools.stack.ports import PUBLISHED, choose, nobody_listens, part_listening, wishes


def test_every_name_gets_its_wish_where_all_are_free() -> None:
    wanted = {"native": 8080, "public": 8088}

    chosen = choose(wanted, is_free=lambda port: True)

    assert chosen == wanted


def test_a_taken_port_moves_to_the_next_free_one() -> None:
    taken = {8080, 8081}

    chosen = choose({"native": 8080}, is_free=lambda port: port not in taken)

    assert chosen == {"native": 8082}


def test_a_port_that_has_to_move_does_not_push_another_from_its_wish() -> None:
    wanted = {"native": 8080, "reachbell": 8081}

    chosen = choose(wanted, is_free=lambda port: port != 8080)

    assert chosen == {"native": 8082, "reachbell": 8081}


def test_two_that_want_the_same_port_get_different_ones() -> None:
    chosen = choose({"kafka": 9000, "postgres": 9000}, is_free=lambda port: True)

    assert chosen == {"kafka": 9000, "postgres": 9001}


def test_no_free_port_at_all_is_an_error() -> None:
    with pytest.raises(LookupError):
        choose({"native": 8080}, is_free=lambda port: False)


def test_the_ports_of_the_last_start_are_wished_for_again_but_only_for_internal_ones() -> None:
    wanted = wishes(delivery_processes=1, previous={"postgres": 20001, "native": 8090})

    assert wanted["postgres"] == 20001
    assert wanted["native"] == PUBLISHED["native"]


def test_each_delivery_process_has_a_page_of_its_own_and_all_share_one_grpc_port() -> None:
    wanted = wishes(delivery_processes=3, previous={})

    pages = {wanted[f"delivery_http_{number}"] for number in (1, 2, 3)}
    assert len(pages) == 3
    assert "delivery_http_4" not in wanted
    assert wanted["delivery"] not in pages


def test_no_two_wishes_are_the_same() -> None:
    wanted = wishes(delivery_processes=8, previous={})

    assert len(set(wanted.values())) == len(wanted)


def test_every_port_belongs_to_a_part() -> None:
    assert {part_listening(name) for name in wishes(delivery_processes=2, previous={})} == set(PARTS)


def test_a_port_on_which_somebody_listens_is_not_free_until_they_close_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not nobody_listens(port)

    assert nobody_listens(port)
