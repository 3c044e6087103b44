"""Reads tunes. Loaded when the first one is to be played."""

MAX_MS = 10000  # a whole tune
_SEMITONES = {"c": -9, "d": -7, "e": -5, "f": -4, "g": -2, "a": 0, "b": 2}  # from a


def tune_steps(text):
    """[(hz, ms), ...] of a tune such as `c5:200 e#5:200 -:100`; ValueError says which note is wrong.

    A note is a letter a to g, `#` or not, an octave 2 to 8, a colon and its length in ms; `-` is a pause.
    """
    steps = []
    for word in text.split():
        note, colon, ms = word.partition(":")
        if not colon or len(ms) > 5 or not ms.isdigit() or not 10 <= int(ms) <= MAX_MS:
            raise ValueError("tune: " + word + " is not NOTE:MS with 10 to 10000 ms, like c5:200")
        steps.append((0 if note == "-" else note_hz(note), int(ms)))
    if sum([ms for _, ms in steps]) > MAX_MS:
        raise ValueError("tune: it is longer than 10 s")
    return steps


def note_hz(note):
    """Equal temperament, a4 = 440 Hz."""
    sharp = note[1:2] == "#"
    octave = note[2:] if sharp else note[1:]
    if note[:1] not in _SEMITONES or len(octave) != 1 or octave not in "2345678":
        raise ValueError("tune: " + note + " is no note; they are c2 to b8, c#4, and - for a pause")
    return round(440 * 2 ** ((_SEMITONES[note[0]] + sharp) / 12 + int(octave) - 4))
