"""The rules of the contract as data (rules.toml), and what a good message of each kind looks like."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

SECTIONS = {"look": "What a message must look like", "behave": "How everybody must behave"}
PAGE = "docs/topics.md"
ASK = "ask it: fleet lint --ask"

# The first step that is missing is the next one to take: first that a message is understood, then that it is in order,
# then that the node says who it is, and last that it obeys.
STEPS = (
    *("F-TOPIC", "F-PAYLOAD", "F-ENV-1", "F-ENV-2", "F-ENV-3", "F-TELE", "F-EVENT", "F-RETAIN", "F-QOS"),
    *("F-SEQ-1", "F-SEQ-2", "F-ENV-4", "F-STATUS", "F-META", "F-TIME", "F-CMD", "F-ACK", "F-COMPAT"),
    *("F-KEPT", "F-SEQ", "F-HEALTH", "F-LOG", "F-HOST", "F-STORED"),
)

EXAMPLES = {
    "status": '{"state":"online","boot":"9f3a","conn":1}',
    "meta": '{"boot":"9f3a","seq":0,"up":210,"schema":"1.2","period":2000,"sensors":{"sht4x":{"temp":["Cel","heat"]}}}',
    "tele": '{"boot":"9f3a","seq":41,"up":82000,"v":{"temp":21.4}}',
    "event": '{"boot":"9f3a","seq":42,"up":83310,"event_type":"press","n":12}',
    "health": '{"boot":"9f3a","seq":43,"up":120000,"mem":92160}',
    "log": '{"boot":"9f3a","seq":43,"up":120400,"msg":"sht4x: no answer"}',
    "journal": '{"boot":"9f3a","seq":43,"up":120500,"kept":[["9f3a",0,43,0]]}',
    "ack": '{"boot":"9f3a","seq":43,"up":121000,"id":"c7f2","cmd":"buzz","st":"ok"}',
}


@dataclass(frozen=True)
class Rule:
    """`how`: what must happen before a listener can judge it ("": nothing but readings). `cannot`: why it never can.
    `step`: what to do to keep it."""

    id: str
    says: str
    section: str
    how: str = ""
    step: str = ""
    cannot: str = ""
    who: str = "node"

    @property
    def place(self) -> tuple[int, int]:
        """Where it comes on the way to a node that keeps them all."""
        found = [place for place, step in enumerate(STEPS) if (self.id + "-").startswith(step + "-")]
        return min(found, default=len(STEPS)), int(self.id.rsplit("-", 1)[1])


def _read() -> dict[str, Rule]:
    tables = tomllib.loads(Path(__file__).with_name("rules.toml").read_text("utf-8"))
    return {
        name: Rule(name, section=SECTIONS[section], **entry)
        for section, table in tables.items()
        for name, entry in table.items()
    }


RULES = _read()
JUDGED = {name: rule for name, rule in RULES.items() if not rule.cannot}
