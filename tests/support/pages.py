"""Every page of the dashboard for the tests that look at all of them: name, path, and what is there when it is ready.

The fleet they are shown is the class of support/crowd.py. A new page is one line here.
"""

PAGES = (
    ("wall", "/", ".slot[data-line]"),
    ("wall-map", "/?size=map", ".map-canvas"),
    ("node", "/node/ada", ".u-over"),
    ("leaderboard", "/leaderboard", ".ranks li"),
    ("commands", "/commands", ".roster-rows li"),
    ("timeline", "/timeline", ".happening"),
    ("replay", "/replay", ".replay-wall .slot"),
    ("report", "/report", ".sheet h1"),
    ("join", "/join", ".join-form h1"),
    ("join-ticket", "/join#mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/fleet", ".join-verdict[data-level=good]"),
)
SIZES = ("roomy", "compact", "dense", "map")  # of the wall
THEMES = ("light", "dark")
