"""Broker addresses: what is accepted, and that a password never shows."""

import pytest

from fleet_client import parse_url


@pytest.mark.parametrize(
    ("text", "host", "port", "user", "password"),
    [
        ("mqtt://127.0.0.1:1883", "127.0.0.1", 1883, None, None),
        ("mqtt://broker", "broker", 1883, None, None),
        ("broker.local:1999", "broker.local", 1999, None, None),
        ("mqtt://ada:s%40cret@10.0.0.5", "10.0.0.5", 1883, "ada", "s@cret"),
        ("mqtt://ada@10.0.0.5:2000/", "10.0.0.5", 2000, "ada", None),
        ("mqtt://[::1]:1884", "::1", 1884, None, None),
    ],
)
def test_an_address_is_read_with_its_parts(
    text: str, host: str, port: int, user: str | None, password: str | None
) -> None:
    address = parse_url(text)
    assert (address.host, address.port, address.user, address.password) == (host, port, user, password)
    assert parse_url(address.url) == address


@pytest.mark.parametrize(
    "text",
    ["", "http://x", "mqtt://", "mqtt://x:0", "mqtt://x:99999", "mqtt://x:abc", "mqtt://x/topic", "a b"],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_url(text)
    assert "mqtt://" in str(refusal.value)


def test_the_password_is_neither_in_the_public_url_nor_in_the_repr() -> None:
    address = parse_url("mqtt://ada:geheim@10.0.0.5")
    assert "geheim" not in address.public + repr(address)
    assert "ada" not in address.public


@pytest.mark.parametrize(
    ("text", "port", "ca", "name"),
    [
        ("mqtts://10.0.0.5", 8883, None, None),
        ("mqtts://ada:s%40cret@10.0.0.5:1999", 1999, None, None),
        ("mqtts://ada:x@10.0.0.5?ca=/home/a%20b/ca.pem&name=fleet-3b", 8883, "/home/a b/ca.pem", "fleet-3b"),
        ("mqtts://[::1]?name=fleet-3b", 8883, None, "fleet-3b"),
    ],
)
def test_with_tls_it_may_name_the_ca_and_the_name_to_ask_for(
    text: str, port: int, ca: str | None, name: str | None
) -> None:
    address = parse_url(text)
    assert (address.tls, address.port, address.ca, address.name) == (True, port, ca, name)
    assert parse_url(address.url) == address
    assert address.public.startswith("mqtts://")


@pytest.mark.parametrize(
    "text", ["mqtt://x?ca=ca.pem", "mqtt://x?name=y", "x?ca=y", "mqtts://x?verify=no", "mqtts://x?ca=", "mqtts://x?ca"]
)
def test_nothing_turns_verification_off_and_nothing_pretends_that_plain_mqtt_has_it(text: str) -> None:
    with pytest.raises(ValueError, match="mqtts://"):
        parse_url(text)
