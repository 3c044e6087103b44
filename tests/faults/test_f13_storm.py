"""F13: the broker of a whole class is gone for three seconds: all nodes come back, and none of them in a rush.

Sixty nodes with an account each; `make bench ARGS=storm` does it with 300 and looks at the clock.
"""

from support.classroom import Class
from support.probe import Probe
from support.storm import Crowd, peak

LINKS, WHOLE = 50, 10
AWAY_S = 3.0
MOST_TRIES = 5
PATIENCE_S = 60.0


def test_a_class_that_lost_its_broker_comes_back_in_few_tries_and_not_all_at_once() -> None:
    links, whole = [f"link-{number:02d}" for number in range(LINKS)], [f"node-{number:02d}" for number in range(WHOLE)]
    with Class([*links, *whole]) as (classroom, broker):
        here = [{name: classroom.url(name) for name in names} for names in (links, whole)]
        with Crowd(*here, within=PATIENCE_S) as crowd, Probe(classroom.url("everything"), "fleet/1/#") as witness:
            witness.expect_count(1, "fleet/1/node-00/tele/+", within=PATIENCE_S)
            crowd.wait_until_steady()
            since = witness.mark()
            storm = crowd.storm(broker, AWAY_S)
            for name in crowd.names:
                witness.expect(f"fleet/1/{name}/status", lambda one: one.json()["state"] == "online", since=since)
                witness.expect(f"fleet/1/{name}/tele/+", within=PATIENCE_S, since=since)
    print(storm)
    assert storm.most_tries <= MOST_TRIES
    planned = peak(storm.planned)
    assert planned <= (LINKS + WHOLE) / 2, f"{planned} nodes meant to try within the same tenth of a second"
