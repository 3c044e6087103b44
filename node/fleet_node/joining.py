"""Has this node joined its class, and if not, what is in the way? Says so in one sentence whenever it changes.

Owns what the node listens to. That the host heard us is known by a `_host/stored/<node>` that names our boot; who is
not heard looks at `_host/status`, which tells a host that is off from a base that is wrong. The sentences are in
joining.txt: read from flash when one is needed, since all of them are 3 KB of RAM.
"""

import asyncio
import errno

from fleet_schema import topics

LATE = 7  # looks, which are seconds: a host that is there has answered by then
SOON = 2  # a broker has: whether it refuses a subscription, and what is retained of the host
TELL = (3, 6, 12)  # a host that runs and did not hear us is told again that we are here, and then every 30 looks

TLS_PORT = 8883
TLS_ALERT = b"\x15\x03"  # RFC 8446, 5.1: how a port with TLS answers to CONNECT
REFUSED = {2: "id", 3: "busy", 4: "secret", 5: "secret"}  # CONNACK, MQTT 3.1.1, table 3.1


class Joining:
    """`word` is where we are: "" while that is open, else the first word of a line of joining.txt; `sentence` is that
    line. `outbox` calls look() once a second, and makes the host answer by tell_journal(); `say(text)` prints; `link`
    has is_up() and subscribe(topic) -> packet id."""

    def __init__(self, config, outbox, say):
        self.word = self.sentence = ""
        self.link = None
        self.more = ()  # topics that others of this node hear of the host
        self.proven = None  # called when the host is known to have heard this boot
        self._config = config
        self._boot = outbox.boot
        self._tell = outbox.tell_journal
        self._say = say
        self._heard = False
        outbox.look = self.look
        base, node = config["base"], config["node"]
        self.stored = topics.host_topic(base, "stored", node).encode()
        self._status = topics.host_topic(base, "status").encode()

    def up(self, groups):
        """Connected: ask for everything that we listen to."""
        self._heard = self._denied = self._foreign = False
        self._host = None  # is it online? None: nobody told
        self._looks = 0
        self._asked = {}  # packet id of a SUBSCRIBE -> its filter
        for name in (self._status, self.stored) + self.more:
            self._asked[self.link.subscribe(name)] = name.decode()
        self.subscribe(groups)

    def subscribe(self, groups):
        for name in topics.command_filters(self._config["base"], self._config["node"], groups):
            self._asked[self.link.subscribe(name.encode())] = name

    def refused(self, pid):
        """The filter that the broker does not let us hear."""
        name = self._asked.get(pid, "?")
        own = name.encode() not in self.more  # accounts that are older than those need not know them
        self._denied = self._denied or (own and ("/" + self._config["node"]) in name)
        self._foreign = self._foreign or name == self._status.decode()
        return name

    def received(self, topic, payload):
        """True if this told us of the host: the only retained message that is for us."""
        if topic != self._status:
            return False
        host = b'"online"' in payload if payload else None
        if host != self._host:
            self._host = host
            self._looks = 0
        if not host:
            self._heard = False
        elif not self._heard:
            self._tell()
        return True

    def heard(self, boot):
        """The host has told us what is stored, of this boot."""
        if boot == self._boot and not self._heard:
            self._heard = True
            self._judge("works")
            if self.proven:
                self.proven()

    def failed(self, stage, answer, error):
        """No connection. `stage`: the dialer had no address (0), no connection (1) or both (2); `answer`: what came in
        place of a good CONNACK, or None."""
        code = getattr(error, "errno", None)
        if answer:
            word = REFUSED.get(answer[3], "other") if answer[:2] == b"\x20\x02" else "stranger"
            if answer[:2] == TLS_ALERT:
                word = "wants-tls"
            user = self._config["broker"]["user"]
            if word == "secret" and user != self._config["node"]:
                word = "id" if user else "no-secret"
        elif hasattr(error, "word"):  # TLS
            word = error.word
        elif stage == 0:
            word = "name"
        elif code == errno.ECONNREFUSED or (stage == 1 and code == errno.ECONNRESET):
            word = "nobody"
        elif stage == 1:
            word = "away"
        else:
            word = "silent" if isinstance(error, asyncio.TimeoutError) else "full"
            broker = self._config["broker"]
            if word == "full" and broker.get("port") == TLS_PORT and not broker.get("tls"):
                word = "wants-tls"
        self._judge(word)

    def look(self):
        """Once a second: who is not heard finds out why."""
        if self._heard or not self.link.is_up():
            return
        self._looks += 1
        if self._denied:
            if self._foreign:
                self._judge("base")
            elif self._host is not None or self._looks >= SOON:
                self._judge("denied")
        elif self._host is False:
            if self._looks >= SOON:
                self._judge("off")
        else:
            if self._host and (self._looks in TELL or not self._looks % 30):
                self._tell()
            if self._looks >= LATE:
                self._judge("unheard" if self._host else "unknown")

    def _judge(self, word):
        if word == self.word:
            return
        self.word = self.sentence = word
        config = self._config
        try:
            with open(__file__.rsplit(".", 1)[0] + ".txt") as file:
                for line in file:
                    if line.startswith(word + "|"):
                        parts = dict(config["broker"], node=config["node"], base=config["base"])
                        self.sentence = line[len(word) + 1 :].strip().format(**parts)
        except (OSError, MemoryError):
            pass  # the word alone has to do
        self._say("joining: " + self.sentence)
