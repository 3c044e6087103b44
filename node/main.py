"""A node of the fleet. On a board this runs at power on; on a PC: micropython node/main.py"""

import sys

place = sys.path[0] + "/" if sys.path[0] else ""  # of this file, and of the slots; a board has /lib on its path
sys.path.insert(1, place + "lib")
program, trial = "", False
try:
    import slot

    program, trial = slot.choose(place), slot.on_trial(place)  # of a board that was deployed to
    slot.add_to_path(sys.path, program, place)
    slot = sys.modules.pop("slot") and trial and slot  # done, but for a trial: room for the rest
except ImportError:
    pass  # copied by hand: everything lies beside this file
try:
    import fleet_node.config

    settings = dict(fleet_node.config.load(), place=place, slot=program, tried=trial)
    del fleet_node.config, sys.modules["fleet_node.config"]
    from fleet_node import app

    app.run(settings)
except Exception as error:
    if trial and slot.on_trial(place):
        slot.give_up(error, place)
    if type(error).__name__ != "ConfigError":
        raise
    sys.exit(print(error) or 2)
