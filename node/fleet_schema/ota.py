"""A new program over the air: what the host offers, what the node says of it, and the chunks it asks for.

_host/ota/<node>, retained: {"job":1790000000000,"size":3120,"hash":"<64 hex>","sig":"<64 hex>"}: a manifest of that
size and SHA-256. Jobs are numbered by when they began, so a later one has a higher number. The node answers on
<node>/ota {"job":...,"st":"IN_PROGRESS","want":[0,0]}: this file (0 is the manifest, 1 that of its first line) from
this byte, and _host/chunk/<node> {"job":...,"at":[0,0],"b64":"..."} is that. A line of the manifest is
`<SHA-256> <size> <path>`.
"""

from fleet_schema import require
from fleet_schema.values import is_int, is_text

STATES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED")
SAID = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "CANCELED")  # by a node; the others are the host's
CHUNK = 696  # bytes of a file in one message
MAX_MANIFEST = 16384  # bytes
MAX_FILES = 255

_HEX = "0123456789abcdef"


def signed_text(base, node, fields):
    """What the signature of an offer is made over, HMAC-SHA256 with the node's own secret: whom it is for, and what."""
    return "\n".join(("fleet-ota-1", base, node, str(fields["job"]), str(fields["size"]), fields["hash"])).encode()


def is_hash(value):
    """64 lower-case hex digits."""
    return isinstance(value, str) and len(value) == 64 and all([char in _HEX for char in value])


def check_offer(fields):
    require(is_int(fields.get("job"), 1), "F-OTA-1", "job is the UTC in ms at which it began")
    require(is_int(fields.get("size"), 1, MAX_MANIFEST), "F-OTA-1", "size is that of the manifest in bytes")
    for key in ("hash", "sig"):
        require(is_hash(fields.get(key)), "F-OTA-1", key + " is 64 lower-case hex digits")


def check_state(fields):
    require(is_int(fields.get("job"), 1), "F-OTA-2", "job is the number of the offer")
    require(fields.get("st") in SAID, "F-OTA-2", "st is one of " + " ".join(SAID))
    require(is_text(fields.get("err", ""), 120), "F-OTA-2", "err is text of at most 120 characters")
    if "want" in fields:
        check_place(fields["want"], "F-OTA-2")


def check_chunk(fields):
    require(is_int(fields.get("job"), 1), "F-OTA-3", "job is the number of the offer")
    check_place(fields.get("at"), "F-OTA-3")
    require(is_text(fields.get("b64"), 4 * ((CHUNK + 2) // 3)), "F-OTA-3", "b64 is at most 696 bytes in base64")


def check_place(place, rule):
    good = isinstance(place, list) and len(place) == 2 and is_int(place[0], 0, MAX_FILES) and is_int(place[1])
    require(good, rule, "a place is [file, byte]")
