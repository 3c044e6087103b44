"""The `fleet` command: what a person does with a fleet from a terminal."""
