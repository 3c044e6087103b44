"""The fleet's MQTT client for CPython, and the only package that imports paho."""

from fleet_client.address import Address, parse_url
from fleet_client.client import Client
from fleet_client.errors import BrokerRefused, BrokerUnreachable, ClientError, Denied, Distrust, NotConnected
from fleet_client.message import Message, Will, monotonic_ms
from fleet_client.rollcall import RollCall, Row
from fleet_client.snapshot import NodeInfo

__all__ = [
    "Address",
    "BrokerRefused",
    "BrokerUnreachable",
    "Client",
    "ClientError",
    "Denied",
    "Distrust",
    "Message",
    "NodeInfo",
    "NotConnected",
    "RollCall",
    "Row",
    "Will",
    "monotonic_ms",
    "parse_url",
]
