"""F20: nobody acts as another. Every attempt of support/attempts.py on this machine's mosquitto.

The same list runs against the Docker image in tests/compose/test_faults_image.py.
"""

from collections.abc import Iterator

import pytest

from support import impersonation, tiers
from support.attempts import ATTEMPTS
from support.classroom import Classroom


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    room = impersonation.classroom(tmp_path_factory.mktemp("accounts"))
    with room.broker():
        yield room


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_nobody_acts_as_another(classroom: Classroom, attempt: impersonation.Attempt) -> None:
    attempt.judge(classroom, f"mosquitto {tiers.mosquitto_version()}")
