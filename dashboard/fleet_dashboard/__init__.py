"""The fleet's service: takes every message in, stores it, and shows the fleet in the browser."""
