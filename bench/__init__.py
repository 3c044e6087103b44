"""The project's figures: each is a ratio or a time measured in one run against something real."""
