"""The node application: sensors, buttons and actuators of one board on one MQTT connection."""

import gc

if hasattr(gc, "threshold"):  # CPython has none, and reads this file too
    gc.threshold(16384)  # imports included: many short stops, and a heap in which a kilobyte in one piece is found
VERSION = "0.1.0"


class ConfigError(Exception):
    """The configuration cannot be used; the text lists every error with its fix, one a line."""
