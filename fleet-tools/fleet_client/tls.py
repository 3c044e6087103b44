"""TLS to the broker: whom we believe, and one sentence for each way in which it can fail. Plain MQTT is never tried."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

from fleet_client.address import Address
from fleet_client.errors import BrokerUnreachable, Distrust

# X509_V_ERR_... of OpenSSL's x509_vfy.h, as in SSLCertVerificationError.verify_code
NOT_YET_VALID, EXPIRED = 9, 10
NOT_OUR_CA = {2, 7, 18, 19, 20, 21, 24, 26, 79, 85, 86}  # unknown issuer, bad signature, self-signed, no CA at all
OTHER_NAME = {62, 64}  # host name, IP address


class Context(ssl.SSLContext):
    """Verifies the broker's certificate against the CA and the name of `address`, whatever the address itself is."""

    address: Address
    patience_s: float

    def wrap_socket(self, sock: socket.socket, *_: Any, **__: Any) -> ssl.SSLSocket:
        """Connected and verified, or closed and an error: paho would leave the socket open and ask for its own host."""
        address = self.address
        wrapped = super().wrap_socket(sock, server_hostname=address.name or address.host, do_handshake_on_connect=False)
        try:
            wrapped.settimeout(self.patience_s)
            wrapped.do_handshake()
        except BaseException as error:
            wrapped.close()
            if isinstance(error, OSError):
                raise Distrust(why(address, error, datetime.now(UTC))) from None
            raise
        return wrapped


def context(address: Address, patience_s: float) -> Context:
    """BrokerUnreachable if the CA that `address` names cannot be used."""
    made = Context(ssl.PROTOCOL_TLS_CLIENT)  # this one verifies certificate and name unless told not to
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.address, made.patience_s = address, patience_s
    if address.ca is None:
        made.load_default_certs()
        return made
    try:
        made.load_verify_locations(address.ca)
    except ssl.SSLError:
        raise BrokerUnreachable(f"{address.ca} (?ca= of the broker's URL) is not a certificate in PEM form") from None
    except OSError as error:
        raise BrokerUnreachable(
            f"{address.ca} (?ca= of the broker's URL) cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    return made


def why(address: Address, error: OSError, now: datetime) -> str:
    """What a person can do about it."""
    where = address.public
    clock = f"this computer's clock says {now:%Y-%m-%d}"
    if isinstance(error, ssl.SSLCertVerificationError):
        code = error.verify_code
        if code == EXPIRED:
            return f"the certificate of {where} has expired: {clock}; if that is right, the broker needs a new one"
        if code == NOT_YET_VALID:
            return f"the certificate of {where} is not valid yet: {clock}; set it right"
        if code in NOT_OUR_CA:
            signed = f"by {address.ca}" if address.ca else "by a CA that this computer trusts (?ca=FILE names another)"
            return f"{where} is not the broker you mean: its certificate is not signed {signed}; no password was sent"
        if code in OTHER_NAME:
            name = address.name or address.host
            return f"{where} is not the broker you mean: its certificate is not for {name}; no password was sent"
        return f"the certificate of {where} is refused: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"{where} accepts the connection but says nothing to TLS; is this the port for it (8883)?"
    return (
        f"{where} ended the connection or does not speak TLS; is this the port for it (8883)? It is not tried without"
    )
