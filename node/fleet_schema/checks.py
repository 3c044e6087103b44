"""The rules of each message that a node sends, key by key: host side, a node never loads this file.

Known keys must be legal; unknown keys are left alone, so that a newer minor version works.
"""

from fleet_schema import documents, ota, require
from fleet_schema.delivery import MAX_KEPT, check_stored
from fleet_schema.payloads import ACK_STATES, HEALTH_KEYS, NODE_STATES
from fleet_schema.topics import is_name
from fleet_schema.values import MAX_INT, is_boot, is_command_id, is_int, is_number, is_text


def check_envelope(fields):
    require(is_boot(fields.get("boot")), "F-ENV-1", "boot is 4 lower-case hex digits")
    require(is_int(fields.get("seq")), "F-ENV-2", "seq is an integer from 0")
    require(is_int(fields.get("up")), "F-ENV-3", "up is an integer of ms from 0")


def check_status(fields):
    require(fields.get("state") in NODE_STATES, "F-STATUS-1", "state is online, sleeping, offline or lost")
    require(is_boot(fields.get("boot")), "F-STATUS-2", "boot is 4 lower-case hex digits")
    require(is_int(fields.get("conn"), 1), "F-STATUS-2", "conn counts the connects of this boot from 1")
    if fields["state"] == "sleeping":
        require(is_int(fields.get("wake"), 1), "F-STATUS-4", "sleeping says in how many s it wakes")
    require(is_int(fields.get("pause", 1), 1, 3600), "F-STATUS-7", "pause is in s, 1 to 3600, or absent")


def check_meta(fields):
    check_envelope(fields)
    documents.check_meta(fields)


def check_tele(fields):
    check_envelope(fields)
    values = fields.get("v")
    require(isinstance(values, dict) and 1 <= len(values) <= 16, "F-TELE-1", "v is an object of 1 to 16 fields")
    for name, value in values.items():
        require(is_name(name), "F-TELE-1", "a field name is [a-z0-9-]{1,16}")
        require(value is None or is_number(value), "F-TELE-2", "a value is a finite number or null")
    check_late(fields)


def check_late(fields):
    require(is_int(fields.get("hist", 1), 1, 1), "F-TELE-3", "hist is 1 or absent")
    require(is_int(fields.get("ts", 1), 1), "F-TELE-4", "ts is UTC in ms")


def check_event(fields):
    check_envelope(fields)
    require(is_name(fields.get("event_type")), "F-EVENT-1", "event_type is a name")
    require(is_int(fields.get("n"), 1), "F-EVENT-2", "n counts the events of this input from 1")
    check_late(fields)


def check_health(fields):
    check_envelope(fields)
    for key in HEALTH_KEYS:
        require(is_int(fields.get(key, 0), -MAX_INT), "F-HEALTH-1", key + " is an integer")


def check_log(fields):
    check_envelope(fields)
    require(is_text(fields.get("msg"), 200), "F-LOG-1", "msg is text of at most 200 characters")
    require(is_text(fields.get("tb", ""), 400, "\n\t"), "F-LOG-2", "tb is text of at most 400 characters")


def check_ack(fields):
    check_envelope(fields)
    require(is_name(fields.get("cmd")), "F-ACK-1", "cmd is the name of the command")
    require(fields.get("st") in ACK_STATES, "F-ACK-2", "st is one of " + " ".join(ACK_STATES))
    require(fields.get("id") is None or is_command_id(fields["id"]), "F-CMD-2", "id is [A-Za-z0-9-]{1,16}")
    require(is_text(fields.get("err", ""), 120), "F-ACK-3", "err is text of at most 120 characters")
    result = fields.get("re")
    good = result is None or isinstance(result, bool) or is_number(result) or is_text(result, 120)
    require(good, "F-ACK-4", "re is a scalar")


def check_journal(fields):
    check_envelope(fields)
    rows = fields.get("kept")
    require(isinstance(rows, list) and 1 <= len(rows) <= MAX_KEPT, "F-KEPT-1", "kept is a list of 1 to 12 rows")
    last, end = None, 0
    for row in rows:
        good = isinstance(row, list) and len(row) == 4 and is_boot(row[0]) and all(is_int(part) for part in row[1:])
        require(good and row[1] <= row[2], "F-KEPT-1", "a row is [boot, first, next, dropped]")
        require(row[0] != last or row[1] >= end, "F-KEPT-2", "the rows of a boot ascend and are disjoint")
        last, end = row[0], row[2]
    require(last == fields["boot"], "F-KEPT-2", "the sender's own boot is the last one")
    require(is_int(fields.get("more", 1), 1, 1), "F-KEPT-3", "more is 1 or absent")


def check_ota(fields):
    check_envelope(fields)
    ota.check_state(fields)


CHECKS = {
    "status": check_status,
    "meta": check_meta,
    "tele": check_tele,
    "event": check_event,
    "health": check_health,
    "log": check_log,
    "ack": check_ack,
    "journal": check_journal,
    "ota": check_ota,
    "host_status": documents.check_host_status,
    "host_lesson": documents.check_lesson,
    "host_last": documents.check_last,
    "host_stored": check_stored,
    "host_board": documents.check_board,
    "host_alert": documents.check_alert,
    "host_ota": ota.check_offer,
    "host_chunk": ota.check_chunk,
}
