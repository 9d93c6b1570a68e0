"""How far a preparation is, in words, to whoever listens in this thread, and to nobody else."""

from __future__ import annotations

import threading

import pytest

from hptui.headway import CalledOffError, Headway, duration, listening, tell


class Clock:
    """Stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_follows_from_the_rate_so_far_and_is_told_ten_times_a_second() -> None:
    clock, heard = Clock(), []
    with listening(heard.append):
        headway = Headway("decoding", 3000, "images", clock)
        for moment, done in ((0.05, 10), (0.5, 62), (0.55, 70), (10, 1240), (200, 2000), (300, 3000)):
            clock.now = 100 + moment
            headway.reach(done)
    assert heard == [
        "decoding 62 of 3,000 images",
        "decoding 1,240 of 3,000 images, 14 s left",  # 1,760 more at 124 a second
        "decoding 2,000 of 3,000 images, 2 min left",
        "decoding 3,000 of 3,000 images, 1 s left",
    ]


def test_nobody_has_to_listen_and_whoever_listens_hears_one_thread() -> None:
    heard: list[str] = []
    tell("to nobody")
    with listening(heard.append):
        tell("one")
        other = threading.Thread(target=tell, args=("of another thread",))
        other.start()
        other.join()
        with listening(lambda words: heard.append(words.upper())):
            tell("two")
        tell("three")
    tell("too late")
    assert heard == ["one", "TWO", "three"]


def test_whoever_listens_can_call_it_off() -> None:
    def enough(_: str) -> None:
        raise CalledOffError("enough")

    with listening(enough), pytest.raises(CalledOffError) as told:
        tell("on and on")
    assert told.value.exit_code == 130
    tell("nobody listens any more")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "1 s"), (12.4, "12 s"), (89, "89 s"), (100, "2 min"), (12000, "3 h 20 min")]
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
