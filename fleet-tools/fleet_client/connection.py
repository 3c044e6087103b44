"""One connection to the broker: paho's protocol engine, driven by the asyncio loop that owns it.

paho's socket callbacks are used instead of its network thread: no locks, no hand-over between threads, and
a slow consumer simply stops the reading. A Connection lives from connect to the first loss and is never reused.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet_client import tls
from fleet_client.address import Address
from fleet_client.errors import BrokerRefused, BrokerUnreachable, Denied, NotConnected
from fleet_client.message import Message, Will, monotonic_ms

KEEPALIVE_S = 30  # never 0: without it a dead peer is not noticed, and some brokers refuse it
CONNECT_TIMEOUT_S = 3.0
VERSION_TIMEOUT_S = 1.0  # some brokers say nothing at all to a version that they do not speak
BURST = 256  # packets read before the loop gets its turn again
# Reason codes by which brokers say "I do not speak that version"; others just close the connection.
VERSION_REFUSED = ("Unsupported protocol version", "Protocol error", "Malformed packet")


class VersionRefused(BrokerUnreachable):
    """The peer ended the connection before it was one: try the other protocol version."""


class Connection:
    """`deliver` gets each message, `lost` is called once with a sentence when the link is gone."""

    def __init__(
        self,
        number: int,
        deliver: Callable[[Message], None],
        lost: Callable[[str], None],
        *,
        version5: bool,
        client_id: str,
        will: Will | None,
        clean: bool,
        manual_ack: bool,
        receive_max: int | None,
        coalesce_s: float,
    ) -> None:
        self.number = number
        self.version5 = version5
        self._deliver = deliver
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._connack: asyncio.Future[ReasonCode | None] = self._loop.create_future()
        self._socket: socket.socket | None = None
        self._fd = -1
        self.closed = False
        self.paused = False
        self._coalesce_s = coalesce_s
        self._received = 0
        self._clean = clean
        self._receive_max = receive_max
        self.bad_topics = 0
        self._paho = self._make_paho(client_id, will, clean, manual_ack)

    def _make_paho(self, client_id: str, will: Will | None, clean: bool, manual_ack: bool) -> mqtt.Client:
        paho = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5 if self.version5 else mqtt.MQTTv311,
            clean_session=None if self.version5 else clean,
            manual_ack=manual_ack,
        )
        paho.connect_timeout = CONNECT_TIMEOUT_S
        if will is not None:
            paho.will_set(will.topic, will.payload, will.qos, will.retain)
        paho.on_connect = self._on_connect
        paho.on_disconnect = self._on_disconnect
        paho.on_message = self._on_message
        paho.on_subscribe = self._on_suback
        paho.on_unsubscribe = self._on_suback
        paho.on_publish = self._on_puback
        # Called from the thread that runs connect() as well, hence threadsafe; both are idempotent.
        paho.on_socket_register_write = self._wake_writer
        paho.on_socket_unregister_write = self._wake_writer
        return paho

    async def open(self, address: Address, patience_s: float = CONNECT_TIMEOUT_S) -> None:
        """Connect and wait so long for the CONNACK; BrokerUnreachable or BrokerRefused says why not."""
        if address.user is not None:
            self._paho.username_pw_set(address.user, address.password)
        try:
            if address.tls:
                self._paho.tls_set_context(tls.context(address, CONNECT_TIMEOUT_S))
            await asyncio.to_thread(self._connect, address)
            self._take_socket()
        except BrokerUnreachable:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise BrokerUnreachable(f"no broker at {address.public} ({_reason(error)})") from None
        except asyncio.CancelledError:
            self.close()  # the worker thread may still connect; it then closes what it opened
            raise
        try:
            async with asyncio.timeout(patience_s):
                code = await self._connack
        except TimeoutError:
            raise VersionRefused(f"{address.public} accepts the connection but does not speak MQTT") from None
        finally:
            if not self._is_up():
                self.close()
        if code is None or str(code) in VERSION_REFUSED:
            hint = "" if address.tls or code else "; if it wants TLS, write mqtts://"
            raise VersionRefused(f"{address.public} closed the connection ({code or 'no answer to CONNECT'}){hint}")
        if code.is_failure:
            raise BrokerRefused(_refusal(address, str(code)))

    def _take_socket(self) -> None:
        """From here on the loop has it. OSError if the connection is gone already: a peer may reset it at once."""
        sock = self._paho.socket()
        if not isinstance(sock, socket.socket) or sock.fileno() < 0:
            raise ConnectionResetError(errno.ECONNRESET, "connection reset by peer")
        self._socket = sock
        self._fd = sock.fileno()  # paho closes the socket before it tells us; the loop still knows it by this number
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._loop.add_reader(sock, self._readable)
            self._check_writer()
        except ValueError as error:  # it was closed between two of our steps: the loop knows no such number
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from None

    def _is_up(self) -> bool:
        if not self._connack.done() or self._connack.cancelled():
            return False
        code = self._connack.result()
        return code is not None and not code.is_failure

    def _connect(self, address: Address) -> None:
        """Blocking (name lookup and TCP), so it runs in a worker thread."""
        self._connect_to(address)
        late = self._paho.socket()
        if self.closed and late is not None:  # given up meanwhile: paho would keep it until it is collected
            late.close()

    def _connect_to(self, address: Address) -> None:
        if not self.version5:
            self._paho.connect(address.host, address.port, KEEPALIVE_S)
            return
        properties = Properties(PacketTypes.CONNECT)
        if self._receive_max:
            properties.ReceiveMaximum = self._receive_max
        if not self._clean:
            properties.SessionExpiryInterval = 24 * 3600
        self._paho.connect(address.host, address.port, KEEPALIVE_S, clean_start=self._clean, properties=properties)

    # -- the socket ---------------------------------------------------------------------------------------

    def _readable(self) -> None:
        if self.paused or self.closed:
            return
        for _ in range(BURST):
            before = self._received
            if self._run(self._paho.loop_read) or self.paused or (self._received == before and not self._deciphered):
                break
        else:
            if self._deciphered:
                self._loop.call_soon(self._readable)
            return  # there may be more: the reader stays, and the loop comes back at once
        if self._coalesce_s and self._socket is not None and not self.paused and not self.closed:
            self._loop.remove_reader(self._socket)
            self._loop.call_later(self._coalesce_s, self._listen)

    def _listen(self) -> None:
        if self._socket is not None and not self.closed and not self.paused:
            self._loop.add_reader(self._socket, self._readable)
            if self._deciphered:
                self._loop.call_soon(self._readable)

    @property
    def _deciphered(self) -> int:
        """Bytes that TLS has taken from the socket and we have not: of these the loop knows nothing."""
        return self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) and not self.closed else 0

    def pause(self) -> None:
        """Stop reading: what is not read waits in the broker, which bounds and counts it."""
        self.paused = True
        if self._socket is not None and not self.closed:
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        self.paused = False
        self._listen()

    @property
    def congested(self) -> bool:
        """The broker does not take what we have sent already."""
        return self._paho.want_write()

    def tick(self) -> None:
        """Once a second: keepalive, and the watchdog that ends a link whose ping was not answered."""
        self._run(self._paho.loop_misc)

    def _wake_writer(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._check_writer)

    def _check_writer(self) -> None:
        if self._socket is None or self.closed:
            return
        if self._paho.want_write():
            self._loop.add_writer(self._socket, self._writable)
        else:
            self._loop.remove_writer(self._socket)

    def _writable(self) -> None:
        self._run(self._paho.loop_write)
        self._check_writer()

    def _run(self, step: Callable[[], MQTTErrorCode]) -> bool:
        """True if the link is gone; a packet that paho cannot parse ends the link, never the program."""
        try:
            failed = step() != MQTTErrorCode.MQTT_ERR_SUCCESS
        except Exception as error:
            self._finish(f"the broker sent what is not MQTT ({error})")
            return True
        if failed:
            self._finish("connection lost")
        return failed or self.closed

    def close(self) -> None:
        """Say DISCONNECT if there is anyone to hear it, and let go of the socket. No `lost` call follows."""
        if self.closed:
            return
        self._lost = lambda why: None
        if self._socket is not None and self._paho.is_connected():
            self._paho.disconnect()
            self._run(self._paho.loop_write)
        self._finish("closed")

    def _finish(self, why: str) -> None:
        if self.closed:
            return
        self.closed = True
        self._paho.on_socket_register_write = None  # paho calls them once more when it is collected: the loop may
        self._paho.on_socket_unregister_write = None  # be gone by then
        if self._socket is not None:
            for remove in (self._loop.remove_reader, self._loop.remove_writer):
                try:
                    remove(self._fd)
                except OSError:
                    pass  # paho closed it while it was watched for writing too: the loop lets go of it all the same
            self._socket.close()
        elif (late := self._paho.socket()) is not None:  # it came up, and was given up before the loop had it
            late.close()
        if not self._connack.done():
            self._connack.set_result(None)
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(NotConnected(f"the connection to the broker was lost ({why})"))
        self._waiters.clear()
        self._lost(why)

    # -- what we send -------------------------------------------------------------------------------------

    async def subscribe(self, wanted: Iterable[tuple[str, int]], timeout_s: float = 5) -> dict[str, str]:
        """{filter: reason} of those that were refused."""
        pairs = list(wanted)
        if not pairs:
            return {}
        rc, mid = self._paho.subscribe(pairs)
        codes = await self._answer(rc, mid, timeout_s)
        return {name: str(code) for (name, _), code in zip(pairs, codes, strict=False) if code.is_failure}

    async def unsubscribe(self, filters: list[str], timeout_s: float = 5) -> None:
        rc, mid = self._paho.unsubscribe(filters)
        await self._answer(rc, mid, timeout_s)

    async def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, expiry_s: int | None, timeout_s: float
    ) -> None:
        properties = None
        if self.version5 and expiry_s:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = expiry_s
        info = self._paho.publish(topic, payload, qos, retain, properties)
        if qos == 0:
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise NotConnected("not connected to the broker")
            return
        for code in await self._answer(info.rc, info.mid, timeout_s):
            if code.is_failure:
                raise Denied(topic, str(code))

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """PUBACK those that came over this very connection; the others will be sent again."""
        for message in messages:
            if message.qos and message.link == self.number:
                self._paho.ack(message.mid, message.qos)

    async def _answer(self, rc: int, mid: int | None, timeout_s: float) -> list[ReasonCode]:
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None or self.closed:
            raise NotConnected("not connected to the broker")
        waiter: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._waiters[mid] = waiter
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            raise NotConnected(f"the broker did not answer within {timeout_s:g} s") from None
        finally:
            self._waiters.pop(mid, None)

    # -- paho's callbacks, all of them on the loop's thread ---------------------------------------------------

    def _on_connect(self, _c: Any, _u: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if not self._connack.done():
            self._connack.set_result(code)

    def _on_disconnect(self, _c: Any, _u: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if self._socket is not None:  # else this is the thread that connects: open() will see that there is no socket
            self._finish(str(code))

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        self._received += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.bad_topics += 1
            return
        utc = time.time_ns() // 1_000_000
        payload, qos, retain, dup, mid = bytes(message.payload), message.qos, message.retain, message.dup, message.mid
        self._deliver(Message(topic, payload, qos, retain, dup, utc, self.number, mid, monotonic_ms()))

    def _on_suback(self, _c: Any, _u: Any, mid: int, codes: list[ReasonCode], _properties: Any) -> None:
        self._resolve(mid, codes)

    def _on_puback(self, _c: Any, _u: Any, mid: int, code: ReasonCode, _properties: Any) -> None:
        self._resolve(mid, [code])

    def _resolve(self, mid: int, codes: list[ReasonCode]) -> None:
        waiter = self._waiters.get(mid)
        if waiter is not None and not waiter.done():
            waiter.set_result(codes)


def _refusal(address: Address, reason: str) -> str:
    fix = "check user and password in the broker's URL" if address.user else "it wants mqtt://user:password@host"
    return f"the broker at {address.public} refused us: {reason.lower()}; {fix}"


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no host of that name"
    if isinstance(error, TimeoutError):
        return "no answer"
    return (error.strerror or str(error)).lower()
