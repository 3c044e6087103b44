"""What can go wrong between us and the broker: each error is one sentence that a person can act on."""


class ClientError(Exception):
    """Base of everything that fleet_client raises on purpose."""


class BrokerUnreachable(ClientError):
    """Nobody answers at the address, or what answers does not speak MQTT."""


class Distrust(BrokerUnreachable):
    """TCP works and TLS does not, or it shows somebody else; nothing of ours was sent, and it is not tried without."""


class BrokerRefused(ClientError):
    """The broker answered and said no: wrong password, not authorised, client id refused."""


class NotConnected(ClientError):
    """The link is down right now (the client goes on trying); nothing was sent."""


class Denied(ClientError):
    """The broker refused one publish or subscription; `topic` and `reason` are what it said."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"the broker denied {topic}: {reason}")
        self.topic = topic
        self.reason = reason
