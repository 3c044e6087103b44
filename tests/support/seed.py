"""The one seed of everything random in the fault tests: FLEET_SEED, or a new one, always printed."""

import os
import random

SEED = int(os.environ.get("FLEET_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


def chance(what: str) -> random.Random:
    """Dice of its own for each test, so that one test alone throws what it throws among the others."""
    print(f"FLEET_SEED={SEED}")
    return random.Random(f"{SEED} {what}")


def amount(key: str, few: int) -> int:
    """How much of it: `few` in CI, more by hand with the environment variable `key`."""
    return int(os.environ.get(key, "") or few)
