"""A node of the fleet. On a board this runs at power on; on a PC: micropython node/main.py"""

import sys

here = sys.path[0]  # on a PC the folder of this file; a board has /lib on its path already
place = here + "/" if here else ""  # the slots of slot.py lie beside this file
sys.path.insert(1, place + "lib")
program = ""
trial = False
try:
    import slot

    program = slot.choose(place)
    slot.add_to_path(sys.path, program, place)
    trial = slot.on_trial(place)
except ImportError:
    pass  # copied by hand: everything lies beside this file


def start():
    import fleet_node.config

    try:
        settings = fleet_node.config.load()
        settings["place"], settings["slot"] = place, program
        del fleet_node.config, sys.modules["fleet_node.config"]  # it has done its work: room for the rest
        from fleet_node import app

        app.run(settings)
    except fleet_node.ConfigError as error:
        print(error)
        if trial:
            raise
        sys.exit(2)


if trial:
    slot.guard(place)
    try:
        start()
    except Exception as error:
        sys.print_exception(error)
        slot.give_up(type(error).__name__ + ": " + str(error), place)
else:
    start()
