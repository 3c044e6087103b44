"""A whole fleet under random faults, and the verdict on its history: `make soak MINUTES=15 [SEED=n] [NODES=100]`."""
