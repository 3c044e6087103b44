"""A node whose page has as little room in the network as a board's, and whose buzzer is heard at its console:
micropython upy_page_node.py MAIN

A PC takes megabytes for a viewer that does not read; nobody would ever be seen to be slow.
"""

import sys

SOL_SOCKET, SO_SNDBUF = 1, 7  # of Linux

main = sys.argv[1]
sys.path[0] = main.rsplit("/", 1)[0]

from fleet_node import actions, web  # noqa: E402

serve = web.Web._serve
set_tone = actions.set_tone


def serve_in_little_room(self, stream, other):
    stream.s.setsockopt(SOL_SOCKET, SO_SNDBUF, 1)
    return serve(self, stream, other)


def sound(pwm, hz):
    set_tone(pwm, hz)
    if hz:
        print("heard", pwm.freq(), "Hz")


web.Web._serve = serve_in_little_room
actions.set_tone = sound
with open(main) as file:  # noqa: PTH123 - MicroPython has no pathlib
    exec(file.read())
