"""A node of the fleet. On a board this runs at power on; on a PC: micropython node/main.py"""

import sys

here = sys.path[0]  # on a PC the folder of this file; a board has /lib on its path already
sys.path.insert(1, here + "/lib" if here else "lib")

from fleet_node import app, config  # noqa: E402

try:
    app.run(config.load())
except config.ConfigError as error:
    print(error)
    sys.exit(2)
