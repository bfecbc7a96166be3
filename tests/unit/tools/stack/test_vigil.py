"""When a process that runs counts as dead."""

from __future__ import annotations

from tools.stack.vigil import LONGEST_START, ROUND, SILENCE_ALLOWED, START_ALLOWED, Vigil


def vigil_over(pids: dict[str, int]) -> Vigil:
    vigil = Vigil(now=0.0)
    vigil.observe(pids, now=0.0)
    return vigil


def pass_rounds(vigil: Vigil, *, since: float, until: float) -> dict[str, int]:
    """The last round's verdict, none being late."""
    overdue: dict[str, int] = {}
    now = since
    while now <= until:
        overdue = vigil.overdue(now=now)
        now += ROUND
    return overdue


def test_a_process_may_be_silent_for_a_start_before_its_first_answer() -> None:
    vigil = vigil_over({"kafka": 7})

    assert pass_rounds(vigil, since=0.0, until=START_ALLOWED - ROUND) == {}
    assert pass_rounds(vigil, since=START_ALLOWED, until=START_ALLOWED) == {"kafka": 7}


def test_after_an_answer_only_a_short_silence_is_allowed() -> None:
    vigil = vigil_over({"kafka": 7})
    vigil.answered("kafka", 7, now=1.0)

    assert pass_rounds(vigil, since=1.0, until=SILENCE_ALLOWED) == {}
    assert pass_rounds(vigil, since=SILENCE_ALLOWED + 1, until=SILENCE_ALLOWED + 1) == {"kafka": 7}


def test_each_answer_begins_the_silence_anew() -> None:
    vigil = vigil_over({"kafka": 7})
    vigil.answered("kafka", 7, now=1.0)
    vigil.answered("kafka", 7, now=9.0)

    assert pass_rounds(vigil, since=1.0, until=18.0) == {}


def test_a_new_process_gets_the_time_of_a_start_whatever_the_old_one_had_left() -> None:
    vigil = vigil_over({"kafka": 7})
    vigil.answered("kafka", 7, now=1.0)

    vigil.observe({"kafka": 8}, now=10.0)

    assert pass_rounds(vigil, since=10.0, until=10.0 + START_ALLOWED - ROUND) == {}


def test_an_answer_of_the_old_process_does_not_count_for_the_new_one() -> None:
    vigil = vigil_over({"kafka": 7})
    vigil.observe({"kafka": 8}, now=10.0)

    vigil.answered("kafka", 7, now=9.0 + START_ALLOWED)

    assert pass_rounds(vigil, since=10.0, until=10.0 + START_ALLOWED) == {"kafka": 8}


def test_a_program_that_does_not_run_is_not_watched() -> None:
    vigil = vigil_over({"kafka": 7})

    vigil.observe({}, now=5.0)

    assert pass_rounds(vigil, since=5.0, until=100.0) == {}


def test_nobody_is_blamed_for_a_standstill_of_the_whole_machine() -> None:
    vigil = vigil_over({"kafka": 7})
    vigil.answered("kafka", 7, now=1.0)

    assert vigil.overdue(now=600.0) == {}
    assert pass_rounds(vigil, since=602.0, until=600.0 + SILENCE_ALLOWED) == {"kafka": 7}


def test_who_never_answered_in_the_time_of_a_start_gets_twice_as_much_the_next_time() -> None:
    vigil = vigil_over({"kafka": 7})
    pass_rounds(vigil, since=0.0, until=START_ALLOWED)
    vigil.observe({}, now=START_ALLOWED + 1)
    second = START_ALLOWED + 2

    vigil.observe({"kafka": 8}, now=second)

    assert pass_rounds(vigil, since=second, until=second + 2 * START_ALLOWED - ROUND) == {}
    assert pass_rounds(vigil, since=second + 2 * START_ALLOWED, until=second + 2 * START_ALLOWED) == {"kafka": 8}


def test_a_start_that_was_cut_short_gets_no_more_than_any_other() -> None:
    vigil = vigil_over({"kafka": 7})

    vigil.observe({"kafka": 8}, now=5.0)

    assert pass_rounds(vigil, since=5.0, until=5.0 + START_ALLOWED) == {"kafka": 8}


def test_the_time_of_a_start_does_not_grow_for_ever() -> None:
    vigil, now = vigil_over({"kafka": 1}), 0.0
    for pid in range(2, 10):
        now += LONGEST_START
        vigil.observe({"kafka": pid}, now=now)

    assert pass_rounds(vigil, since=now, until=now + LONGEST_START) == {"kafka": 9}
