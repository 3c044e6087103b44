"""The node application: sensors, buttons and actuators of one board on one MQTT connection."""

VERSION = "0.1.0"


class ConfigError(Exception):
    """The configuration cannot be used; the text lists every error with its fix, one a line."""
