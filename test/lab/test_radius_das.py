"""Disconnect- and CoA-Requests by radclient, and raw ones that it does not make (RAD-80 to -90)."""

import hashlib
import hmac
import socket
import struct
import time

import lab
import pytest
import radius
from test_auth import ALL, ONLY
from test_radius_users import callers_of

SECRET = radius.DAS_SECRET
SCRIPT = """#!/bin/sh
echo "$PACD_USER $PACD_FILTER_ID $PACD_RATE_UP $PACD_RATE_DOWN $PACD_SESSION_TIMEOUT $1 $5 $6" >>{out}
"""


@pytest.fixture
def changed(folder):
    """A change script; changed(): a line of words for each of its runs."""
    out, script = folder / "changed.out", folder / "change"
    script.write_text(SCRIPT.format(out=out))
    script.chmod(0o755)

    def lines():
        return out.read_text().splitlines() if out.exists() else []

    lines.script = script
    return lines


@pytest.fixture
def pacd(isp, freeradius, start, folder, changed):
    return start(isp[0], **{"ppp.auth": ALL, "ppp.mppe": '"allow"', "ppp.change_script": f'"{changed.script}"',
                            **radius.settings(folder, freeradius, das=radius.das(), filters='[ "students", "staff" ]')})


def session(pacd, user):
    return next(s for s in pacd.sessions() if s["user"] == user)


def counted(pacd, *names):
    counts = pacd.ctl("show", "accounting")
    return tuple(counts[f"das_{name}"] for name in names)


def now():
    return f"Event-Timestamp = {int(time.time())}"


def test_disconnect(isp, freeradius, pacd, dial):
    """By name, by session id, by address: gone, with cause 6; who is not there, and other refusals; a wrong secret."""
    callers = callers_of(dial, isp[1], ["plain", "classy", "any", "open"])
    for caller in callers.values():
        caller.wait_up()
    sid = session(pacd, "classy")["session_id"]
    by = {"plain": "User-Name = plain", "classy": f"Acct-Session-Id = {sid}, NAS-Identifier = lab",
          "any": f"Framed-IP-Address = {callers['any'].address()}, NAS-IP-Address = 10.20.0.1"}

    said = freeradius.radclient("disconnect", "User-Name = nobody", SECRET, check=False)
    assert "Disconnect-NAK" in said and "Session-Context-Not-Found" in said
    said = freeradius.radclient("disconnect", "User-Name = plain, NAS-Identifier = other", SECRET, check=False)
    assert "NAS-Identification-Mismatch" in said
    said = freeradius.radclient("disconnect", f"User-Name = plain, Acct-Session-Id = {sid}", SECRET, check=False)
    assert "Session-Context-Not-Found" in said, "all that is given must match"
    said = freeradius.radclient("disconnect", now(), SECRET, check=False)
    assert "Missing-Attribute" in said
    said = freeradius.radclient("disconnect", "User-Name = plain, Session-Timeout = 9", SECRET, check=False)
    assert "Unsupported-Attribute" in said
    said = freeradius.radclient("disconnect", "User-Name = plain", "another-secret", check=False,
                                options=("-r", "1", "-t", "2"))
    assert "No reply" in said
    assert len(pacd.sessions()) == 4

    for user, text in by.items():
        said = freeradius.radclient("disconnect", f"{text}, {now()}", SECRET)
        assert "Received Disconnect-ACK" in said and "Message-Authenticator" in said
    for user in by:
        callers[user].wait_end()
        (end,) = freeradius.wait_records(User_Name=user, Acct_Status_Type="Stop")
        assert end["Acct-Terminate-Cause"] == "Admin-Reset"
    lab.wait_for(lambda: [s["user"] for s in pacd.sessions()] == ["open"], "only one is left")
    assert pacd.logged("call-down", user='"plain"', reason="admin")
    assert counted(pacd, "disconnect_requests", "disconnect_acks", "disconnect_naks") == (8, 3, 5)


def test_change(isp, freeradius, pacd, dial, changed):
    """Filter-Id, rates and Session-Timeout reach the session and its script; what is refused changes nothing; a
    Session-Timeout that is over already ends the session with cause 5 (RAD-87)."""
    plain = callers_of(dial, isp[1], ["plain"])["plain"]
    plain.wait_up()
    change = ("Filter-Id = students, WISPr-Bandwidth-Max-Up = 1000000, WISPr-Bandwidth-Max-Down = 8000000, "
              "Session-Timeout = 7200, Class = blue")
    said = freeradius.radclient("coa", f"User-Name = plain, {change}", SECRET)
    assert "Received CoA-ACK" in said
    (line,) = lab.wait_for(changed, "the change script has run")
    ifname = session(pacd, "plain")["interface"]
    assert line.split() == ["plain", "students", "1000000", "8000000", "7200", ifname, plain.address(), "192.0.2.2"]
    view = session(pacd, "plain")
    assert (view["filter"], view["session_timeout_s"], view["class_hex"]) == ("students", 7200, b"blue".hex())

    for text, cause in (("Session-Timeout = 60, Acct-Interim-Interval = 30", "Invalid-Attribute-Value"),
                        ("Session-Timeout = 60, Filter-Id = teachers", "Invalid-Attribute-Value"),
                        ("Session-Timeout = 60, Framed-MTU = 1000", "Unsupported-Attribute"),
                        ("Session-Timeout = 60, Service-Type = Authorize-Only", "Unsupported-Service")):
        said = freeradius.radclient("coa", f"User-Name = plain, {text}", SECRET, check=False)
        assert "CoA-NAK" in said and cause in said, said
        assert session(pacd, "plain")["session_timeout_s"] == 7200
    assert len(changed()) == 1

    freeradius.radclient("coa", "User-Name = plain, WISPr-Bandwidth-Max-Up = 2000000", SECRET)
    lab.wait_for(lambda: len(changed()) == 2, "the change script has run again")
    assert changed()[1].split()[1:5] == ["students", "2000000", "8000000", "7200"], "what is omitted stays"
    lab.wait_for(lambda: session(pacd, "plain")["up_s"] >= 2, "two seconds of it")
    freeradius.radclient("coa", "User-Name = plain, Session-Timeout = 1", SECRET)
    plain.wait_end()
    (end,) = freeradius.wait_records(User_Name="plain", Acct_Status_Type="Stop")
    assert end["Acct-Terminate-Cause"] == "Session-Timeout"
    assert end.list("Class") and end["Class"] in ("blue", "0x" + b"blue".hex())


def request(code, identifier, *attributes, stamp=None):
    stamp = int(time.time()) if stamp is None else stamp
    body = b"".join(attributes) + radius.attribute(55, struct.pack("!I", stamp))
    head = struct.pack("!BBH", code, identifier, 20 + 18 + len(body))
    mac = hmac.new(SECRET.encode(), head + bytes(16) + radius.attribute(80, bytes(16)) + body, "md5").digest()
    body = radius.attribute(80, mac) + body
    return head + hashlib.md5(head + bytes(16) + body + SECRET.encode()).digest() + body


def test_replay(isp, freeradius, pacd, dial, changed):
    """RAD-82: an old request is not answered; the same one again gets the same answer and is done once; Proxy-State
    comes back in order (RAD-83)."""
    callers_of(dial, isp[1], ["plain"])["plain"].wait_up()
    with freeradius.host.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(20)
    sock.connect(("10.20.0.1", 3799))
    who = radius.attribute(1, b"plain")
    proxies = radius.attribute(33, b"first"), radius.attribute(33, b"second")
    what = radius.attribute(28, struct.pack("!I", 900))
    sock.send(request(radius.COA_REQUEST, 7, who, what, stamp=int(time.time()) - 1000))
    asked = request(radius.COA_REQUEST, 8, who, what, *proxies)
    sock.send(asked)
    answer = sock.recv(4096)
    assert answer[:2] == bytes([radius.COA_ACK, 8]), "the old one had no answer"
    assert b"".join(proxies) in answer
    sock.send(asked)
    assert sock.recv(4096) == answer
    lab.wait_for(changed, "the change script has run")
    assert counted(pacd, "coa_requests", "coa_acks", "repeated", "dropped_replay") == (1, 1, 1, 1)
    assert len(changed()) == 1
    sock.close()
