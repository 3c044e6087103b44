# A button and its tests: no pin is needed, so they run on a PC and on a board.
from ticks import ticks_add, ticks_diff

BOUNCE_MS = 50


class Button:
    """A contact bounces: what comes less than 50 ms after a press belongs to that press."""

    def __init__(self):
        self.last = None  # when the last press was

    def pressed(self, now):
        if self.last is not None and ticks_diff(now, self.last) < BOUNCE_MS:
            return False
        self.last = now
        return True


def test_a_press_counts():
    assert Button().pressed(1000)


def test_a_bounce_does_not_count():
    button = Button()
    button.pressed(1000)
    assert not button.pressed(1020)


def test_the_next_press_counts():
    button = Button()
    button.pressed(1000)
    assert button.pressed(1200)


def test_a_press_counts_after_the_clock_has_wrapped():
    button = Button()
    end = ticks_add(0, -100)  # 100 ms before the clock is 0 again
    button.pressed(end)
    assert button.pressed(ticks_add(end, 200))


if __name__ == "__main__":
    from runner import run

    run(globals())
