"""A node of the fleet. On a board this runs at power on; on a PC: micropython node/main.py"""

import sys

here = sys.path[0]  # on a PC the folder of this file; a board has /lib on its path already
sys.path.insert(1, here + "/lib" if here else "lib")
if not here:
    try:
        import slot

        slot.add_to_path(sys.path, slot.choose())  # of a board that was deployed to
    except ImportError:
        pass  # copied by hand: everything lies beside this file

import fleet_node.config  # noqa: E402

try:
    settings = fleet_node.config.load()
    del fleet_node.config, sys.modules["fleet_node.config"]  # it has done its work: room for the rest
    from fleet_node import app

    app.run(settings)
except fleet_node.ConfigError as error:
    print(error)
    sys.exit(2)
