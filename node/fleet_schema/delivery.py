"""What the host has stored and asks for again: `_host/stored/<node>`, checked by both sides.

{"boot":"9f3a","seq":41,"miss":[[41,43],[50,50]]}: of that boot every reading and event below `seq` is settled, and
the node may forget it; those in `miss` ([first, last], ascending) it shall send again.
"""

from fleet_schema import require
from fleet_schema.values import is_boot, is_int

MAX_KEPT = 12  # rows of a journal message: 512 bytes hold them at their longest
MAX_RANGES = 8  # in one `miss`
MAX_ASKED = 32  # numbers in one `miss`: what a small node can read from flash and send in one go


def check_stored(fields):
    """SchemaError F-STORED-n for the first thing that is wrong."""
    require(is_boot(fields.get("boot")), "F-STORED-1", "boot is 4 lower-case hex digits")
    require(is_int(fields.get("seq")), "F-STORED-1", "seq is an integer from 0")
    ranges = fields.get("miss", [])
    require(isinstance(ranges, list) and len(ranges) <= MAX_RANGES, "F-STORED-2", "miss is a list of at most 8 ranges")
    free = fields["seq"]
    asked = 0
    for part in ranges:
        good = isinstance(part, list) and len(part) == 2 and is_int(part[0], free) and is_int(part[1], part[0])
        require(good, "F-STORED-2", "miss has ranges [first, last] from seq on, ascending and disjoint")
        free = part[1] + 1
        asked += free - part[0]
    require(asked <= MAX_ASKED, "F-STORED-2", "at most 32 numbers are asked for at once")
