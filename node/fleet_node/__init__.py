"""The node application: sensors, buttons and actuators of one board on one MQTT connection."""

import gc

# Collect this often, imports included: many short stops, and a heap in which a kilobyte in one piece is found.
gc.threshold(16384)
VERSION = "0.1.0"


class ConfigError(Exception):
    """The configuration cannot be used; the text lists every error with its fix, one a line."""
