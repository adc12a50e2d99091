"""A scripted PNS: just enough of RFC 2637 to say the right and the wrong things to pacd."""

import socket
import struct

COOKIE = 0x1A2B3C4D
(SCCRQ, SCCRP, STOP_RQ, STOP_RP, ECHO_RQ, ECHO_RP, OCRQ, OCRP, ICRQ, ICRP, ICCN, CCRQ, CDN, WEN, SLI) = range(1, 16)


def message(kind, body, length=None, cookie=COOKIE, pptp_type=1, reserved=0):
    length = 12 + len(body) if length is None else length
    return struct.pack("!HHIHH", length, pptp_type, cookie, kind, reserved) + body


def sccrq(version=0x0100, host=b"probe", vendor=b"test"):
    return message(SCCRQ, struct.pack("!HHIIHH64s64s", version, 0, 3, 3, 0, 1, host, vendor))


def ocrq(call, serial=1, min_bps=300, max_bps=100000000, bearer=3, framing=3, window=64, number=b"", number_len=None):
    return message(OCRQ, struct.pack("!HHIIIIHHHH64s64s", call, serial, min_bps, max_bps, bearer, framing, window, 0,
                                     len(number) if number_len is None else number_len, 0, number, b""))


def ccrq(call):
    return message(CCRQ, struct.pack("!HH", call, 0))


def echo(identifier):
    return message(ECHO_RQ, struct.pack("!I", identifier))


def echo_reply(identifier):
    return message(ECHO_RP, struct.pack("!IBBH", identifier, 1, 0, 0))


def stop(reason=1):
    return message(STOP_RQ, struct.pack("!BBH", reason, 0, 0))


def sli(call):
    return message(SLI, struct.pack("!HHII", call, 0, 0xFFFFFFFF, 0xFFFFFFFF))


class Pns:
    """A control connection to pacd over a socket that its caller made in the right namespace."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(60)
        self.data = b""

    def send(self, *messages):
        self.sock.sendall(b"".join(messages))

    def recv(self):
        """The next message as (type, body), or None at end of file."""
        while len(self.data) < 2 or len(self.data) < struct.unpack("!H", self.data[:2])[0]:
            try:
                more = self.sock.recv(4096)
            except ConnectionResetError:
                return None
            if not more:
                assert not self.data, f"cut message {self.data!r}"
                return None
            self.data += more
        length, _, cookie, kind, _ = struct.unpack("!HHIHH", self.data[:12])
        assert cookie == COOKIE
        body, self.data = self.data[12:length], self.data[length:]
        return kind, body

    def expect(self, kind):
        got = self.recv()
        assert got and got[0] == kind, f"wanted type {kind}, got {got}"
        return got[1]

    def establish(self):
        self.send(sccrq())
        body = self.expect(SCCRP)
        assert body[2] == 1, "SCCRP result"
        return self

    def call(self, call, **kw):
        """Sends an OCRQ; returns (pac call id, result, error) of its OCRP."""
        self.send(ocrq(call, **kw))
        pac, pns, result, error = struct.unpack("!HHBB", self.expect(OCRP)[:6])
        assert pns == call
        return pac, result, error

    def cdn(self):
        """The next CDN as (pac call id, result, error, statistics)."""
        body = self.expect(CDN)
        pac, result, error = struct.unpack("!HBB", body[:4])
        return pac, result, error, body[8:].split(b"\0")[0].decode()

    def eof(self):
        return self.recv() is None

    def close(self):
        self.sock.close()


def connect(host, address, source=None, port=1723):
    """A TCP connection made inside a namespace of lab.Netns."""
    with host.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if source:
        sock.bind((source, 0))
    sock.settimeout(30)
    sock.connect((address, port))
    return Pns(sock)
