"""Fills a node's flash with readings of an earlier boot: micropython upy_backlog.py FOLDER HISTORY COUNT PERIOD_MS

As the node itself would have written them in a boot without a broker; a line a reading goes to HISTORY as well.
"""

import sys

tests = sys.argv[0].rsplit("/", 2)[0]
sys.path[0:0] = [tests.rsplit("/", 1)[0] + "/node"]

from fleet_node.journal import Journal  # noqa: E402
from fleet_node.storage import open_storage  # noqa: E402
from fleet_schema import payloads  # noqa: E402

folder, history, count, period = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
boot, journal = open_storage({"journal": folder, "journal_kb": 65536}, print)
assert isinstance(journal, Journal)
with open(history, "ab") as file:  # noqa: PTH123
    for first in range(0, count, 80):
        records = []
        for seq in range(first, min(count, first + 80)):
            up = 100 + seq * period
            values = {"temp": 20 + seq % 100 / 10, "hum": 40.5}
            payload = payloads.encode("tele", {"boot": boot, "seq": seq, "up": up, "v": values})
            records.append((b"tele/sht4x", payload, up))
            file.write(b'{"kind":"tele","name":"sht4x",' + payload[1:] + b"\n")
        assert journal.append(boot, first, records) == len(records)
print(boot)
