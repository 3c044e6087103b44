"""The node application: sensors, buttons and actuators of one board on one MQTT connection."""

VERSION = "0.1.0"
