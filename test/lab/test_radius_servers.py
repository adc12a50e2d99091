"""Which server is asked, and what is believed of it: failover, calls before they are answered, lies, load.

RAD-10 to -13, -27, -50 to -56, -100 to -108.
"""

import hashlib
import hmac
import ipaddress
import json
import os
import struct
import threading
import time

import lab
import pptp
import pytest
import radius
from test_auth import ALL, ONLY
from test_faults import STUB
from test_radius_users import callers_of

LOGINS = 200
LOGIN = r"""#!/bin/sh
# In pppd's place: says to pacd what its plugin says when plain has given a password with PAP, once there is a go.
printf '\001\002\0052.4.9' >&3
: <{go}
printf '\003\001\001\005plain\000\007{password}' >&3
while read -r line; do :; done
"""


@pytest.fixture(scope="module")
def other_server():
    """A second FreeRADIUS in a host of its own, with a secret of its own."""
    host = lab.Netns("rad2")
    server = radius.FreeRadius(host, "10.20.1.12", "10.20.1.1").start()
    yield server
    server.remove()
    host.remove()


@pytest.fixture
def two(isp, net, freeradius, other_server):
    """Server and client hosts, FreeRADIUS A and B; A is asked first."""
    server, client = isp
    _, dev = net.cable(server, "10.20.1.1/24", other_server.host, "10.20.1.12/24")
    server.reach("10.20.1.12")
    other_server.forget()
    yield server, client, freeradius, other_server
    for one in (freeradius, other_server):
        if one.process.poll() is None:
            one.thaw()
    other_server.host.ip("link", "del", dev)
    print(f"--- {other_server.folder}\n{other_server.log()[-3000:]}\n{other_server.text('requests')[-6000:]}")


def both(folder, a, b, **more):
    texts = [radius.server_text(s.address, s.secret, timeout="0.5", retries="1", priority=str(i))
             for i, s in enumerate((a, b))]
    return {"ppp.auth": ALL, "ppp.mppe": '"allow"',
            **radius.settings(folder, *texts, **{"max_fail": "1", "dead_time": "600", **more})}


def by(pacd, event="login"):
    """The servers that decided, in the order of the log."""
    return [line.split("by=")[1].split()[0].split(":")[0] for line in pacd.logged(event)]


def test_failover(two, start, dial, folder):
    """RAD-100 to -103: silence in the middle of a login moves on, a Reject does not; passwords and keys are right with
    the other server's secret; accounting goes on there, too."""
    server, client, a, b = two
    pacd = start(server, **both(folder, a, b))
    first = callers_of(dial, client, ["plain", "closed"])
    first["plain"].wait_up()
    first["closed"].wait_end()
    assert by(pacd) == by(pacd, "login-failed") == [a.address]
    assert not b.requests(), "a Reject is final"

    a.freeze()
    moved = callers_of(dial, client, ["any"])["any"]
    keyed = callers_of(dial, client, ["open"], options=(*ONLY["mschapv2"], *lab.MPPE))["open"]
    for caller in (moved, keyed):
        caller.wait_up()
        caller.reach()
    assert by(pacd)[1:] == [b.address] * 2
    assert len(b.requests()) == 2
    assert sorted(s["mppe_bits"] for s in pacd.sessions()) == [0, 0, 128]
    state = radius.servers(pacd)[a.address]
    assert state["state"] == "dead" and state["timeouts"] >= 1 and state["dead_for_s"] > 0
    a.thaw()
    pacd.pacctl("disconnect", "user", "plain")
    first["plain"].wait_end()
    for user in ("plain", "any", "open"):
        lab.wait_for(lambda: [r for s in (a, b) for r in s.records(User_Name=user, Acct_Status_Type="Start")],
                     f"the Start of {user} is at one of them")
    lab.wait_for(lambda: [r for s in (a, b) for r in s.records(User_Name="plain", Acct_Status_Type="Stop")],
                 "the Stop, too")
    lab.wait_for(lambda: len(pacd.sessions()) == 2, "it is gone")
    assert by(pacd)[1:] == [b.address] * 2, "what A said late changed nothing"


def probe(pacd, user="plain"):
    """A login without a call: who decided what, and how long that took."""
    since = time.monotonic()
    done = pacd.host.run(lab.PACCTL, "--socket", pacd.socket, "--json", "test", "radius", user,
                         input=radius.PASSWORD + "\n", check=False)
    answer = json.loads(done.stdout)
    return answer["verdict"], (answer["server"] or "").split(":")[0], time.monotonic() - since


def test_dead_and_back(two, start, folder):
    """RAD-101, -104 to -106: a dead server is left alone, is asked again when its time is over, and has its priority
    back; a closed port moves on at once; when all are silent that is said within the bound."""
    server, _, a, b = two
    pacd = start(server, **STUB, **radius.settings(
        folder, *[radius.server_text(s.address, s.secret, timeout="0.5", retries="1", priority=str(i))
                  for i, s in enumerate((a, b))], max_fail="1", dead_time="5", total="4"))
    assert probe(pacd)[:2] == ("accept", a.address)
    assert probe(pacd, "closed")[:2] == ("reject", a.address)
    a.freeze()
    assert probe(pacd)[:2] == ("accept", b.address)
    asked = radius.servers(pacd)[a.address]
    assert asked["state"] == "dead"
    assert probe(pacd)[:2] == ("accept", b.address)
    now = radius.servers(pacd)[a.address]
    assert now["requests"] == asked["requests"] or not now["dead_for_s"], "it is skipped"
    a.thaw()
    lab.wait_for(lambda: not radius.servers(pacd)[a.address]["dead_for_s"], "its time is over")
    assert probe(pacd)[:2] == ("accept", a.address)
    assert radius.servers(pacd)[a.address]["state"] == "up"

    a.kill()
    lab.wait_for(lambda: probe(pacd)[:2] == ("accept", b.address), "the other one is asked")
    b.freeze()
    verdict, _, seconds = probe(pacd)
    assert verdict == "no-answer" and seconds < 6
    b.thaw()


def test_call_check(isp, freeradius, start, folder):
    """RAD-10 to -13: a call is asked about before it is answered: accept, reject (7), limit, silence (2/4, or on with
    fail_open); one that is cleared meanwhile goes at once, and the late answer with it."""
    server, client = isp
    client.ip("addr", "add", "192.0.2.66/24", "dev", "v0b")
    server_text = radius.server_text(freeradius.address, freeradius.secret, timeout="0.5", retries="1")
    # dead_time: what a silent server costs must not depend on what was before.
    pacd = start(server, **STUB, **radius.settings(folder, server_text, precheck='"vpn"', total="2", max_fail="1000"))
    good = pptp.connect(client, "192.0.2.1", source="192.0.2.2").establish()
    bad = pptp.connect(client, "192.0.2.1", source="192.0.2.66").establish()
    assert good.call(1)[1:] == (1, 0)
    assert bad.call(1)[1:] == (7, 0)
    assert pacd.wait_log("call-check", result="reject")
    (request,) = freeradius.requests(Calling_Station_Id="192.0.2.2")
    wanted = {"Service-Type": "Call-Check", "User-Name": "192.0.2.2", "Called-Station-Id": "192.0.2.1",
              "Tunnel-Type:0": "PPTP", "NAS-Port-Type": "Virtual", "NAS-Identifier": "lab"}
    assert {key: request.get(key) for key in wanted} == wanted, request.pairs
    assert "Framed-Protocol" not in request and "State" not in request
    results = [good.call(i)[1] for i in range(2, 10)]
    assert results == [1] * 7 + [7], "Port-Limit = 8"

    freeradius.freeze()
    third = pptp.connect(client, "192.0.2.1", source="192.0.2.66").establish()
    third.send(pptp.ocrq(1))
    lab.wait_for(lambda: radius.servers(pacd)[freeradius.address]["in_flight"], "the server is asked")
    since = time.monotonic()
    third.send(pptp.echo(5), pptp.ccrq(1))
    assert {third.recv()[0], third.recv()[0]} == {pptp.ECHO_RP, pptp.CDN}
    assert time.monotonic() - since < 1.5, "nobody waits for the server"
    assert third.call(2)[1:] == (2, 4)
    pacd.configure(**{"radius.fail_open": "true"})
    pacd.pacctl("reload")
    assert third.call(3)[1:] == (1, 0)
    freeradius.thaw()
    assert bad.call(2)[1:] == (7, 0)
    assert not freeradius.records(Acct_Status_Type="Start"), "no service, no records"


def test_lies(isp, radius_host, start, dial, folder):
    """RAD-52 to -56: seven kinds of wrong replies, each dropped and counted, then the right one: the call comes up. A
    Challenge, which PPP cannot carry, is a Reject with its message (RAD-26)."""
    server, client = isp
    secret = "of-the-scripted-server"
    address = radius.attribute(8, bytes([10, 99, 0, 123]))

    def answer(request):
        if request.get(1) == b"open":
            return [request.reply(radius.CHALLENGE, radius.attribute(18, b"What colour?"), radius.attribute(24, b"s"))]
        right = request.reply(radius.ACCEPT, address)
        return [request.reply(radius.ACCEPT, address, identifier=request.id ^ 1),
                request.reply(radius.ACCEPT, address, spoil_authenticator=True),
                request.reply(radius.ACCEPT, address, spoil_signature=True),
                request.reply(radius.ACCEPT, address, sign=False),
                request.reply(radius.ACCEPT, address, radius.attribute(33, b"proxy")),
                request.reply(radius.ACCEPT, address, raw=b"\x12\x09cut"),
                request.reply(radius.COA_ACK, address),
                right[:-1],
                right]

    liar = radius.Scripted(radius_host, "10.20.0.11", secret, answer, port=2812)
    text = radius.server_text("10.20.0.11", secret, port="2812", acct_port="0", timeout="15")
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"', **radius.settings(folder, text))
    caller = callers_of(dial, client, ["plain"])["plain"]
    caller.wait_up()
    caller.reach()
    assert caller.address() == "10.99.0.123"
    seen = radius.servers(pacd)["10.20.0.11"]
    reasons = ("bad_id", "bad_authenticator", "bad_message_authenticator", "no_message_authenticator", "proxy_state",
               "bad_list", "bad_code", "bad_length")
    assert {r: seen[f"dropped_{r}"] for r in reasons} == dict.fromkeys(reasons, 1), seen
    assert (seen["dropped"], seen["accepts"], seen["requests"], seen["retransmissions"]) == (8, 1, 1, 0), seen
    assert "radius-packet-dropped" in pacd.log()

    (request,) = liar.requests
    assert request.password() == radius.PASSWORD.encode()
    kind, mac = request.attributes[0]
    assert kind == 80, "Message-Authenticator is the first (RAD-51)"
    body = b"".join(radius.attribute(k, v) for k, v in [(80, bytes(16)), *request.attributes[1:]])
    head = struct.pack("!BBH", request.code, request.id, request.length) + request.authenticator
    assert mac == hmac.new(secret.encode(), head + body, "md5").digest()
    assert request.authenticator != hashlib.md5(b"").digest() and request.get(24) is None

    challenged = callers_of(dial, client, ["open"])["open"]
    challenged.wait_end()
    assert not challenged.up() and "What colour?" in challenged.log()
    assert radius.servers(pacd)["10.20.0.11"]["challenges"] == 1
    liar.close()


def test_ipv6_server(isp, radius_host, start, folder):
    """A server that has an IPv6 address; the request tells ours, too (RAD-01)."""
    server, _ = isp
    secret, address = "of-the-scripted-server", "2001:db8:20::11"
    dev = radius_host.interfaces()[-1]
    radius_host.ip("addr", "add", f"{address}/64", "dev", dev, "nodad")
    server.ip("addr", "add", "2001:db8:20::1/64", "dev", "v1a", "nodad")

    def answer(request):
        right = request.password() == radius.PASSWORD.encode()
        return [request.reply(radius.ACCEPT if right else radius.REJECT, radius.attribute(18, b"said over IPv6"))]

    scripted = radius.Scripted(radius_host, address, secret, answer, port=2812)
    text = radius.server_text(address, secret, port="2812", acct_port="0")
    pacd = start(server, **STUB, **radius.settings(folder, text, nas_ipv6_address='"2001:db8:20::1"'))
    for password, code in ((radius.PASSWORD, 0), ("wrong", 5)):
        done = server.run(lab.PACCTL, "--socket", pacd.socket, "test", "radius", "plain", input=password + "\n",
                          check=False)
        assert done.returncode == code and "said over IPv6" in done.stdout, done.stdout + done.stderr
    seen = radius.servers(pacd)[f"[{address}]"]
    assert (seen["accepts"], seen["rejects"], seen["dropped"]) == (1, 1, 0), seen
    assert ipaddress.ip_address(scripted.requests[0].get(95)) == ipaddress.ip_address("2001:db8:20::1")
    scripted.close()


class Echo:
    """Asks for an echo again and again, on a connection of its own; answered: the seconds that each answer took."""

    def __init__(self, pns):
        self.pns, self.answered, self.done = pns, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.done.wait(0.05):
            since = time.monotonic()
            self.pns.send(pptp.echo(len(self.answered)))
            self.pns.expect(pptp.ECHO_RP)
            self.answered.append(time.monotonic() - since)

    def stop(self):
        self.done.set()
        self.thread.join(30)
        return self.answered


def test_load(two, start, folder):
    """RAD-107, TIM-07: 200 logins at once while the first server is silent: all are let in by the second one within the
    transport's bound, and an echo of somebody else's connection is answered in under a second meanwhile."""
    server, client, a, b = two
    stub, go = folder / "login", folder / "go"
    os.mkfifo(go)
    stub.write_text(LOGIN.format(go=go, password=radius.PASSWORD))
    stub.chmod(0o755)
    limits = "{ call_rate_per_peer = 0; calls_per_peer = 0; calls_per_connection = 0; }"
    conf = both(folder, a, b, acct="enabled = false;")
    pacd = start(server, **{**conf, **STUB, "ppp.pppd": f'"{stub}"', "max_channels": str(LOGINS + 10),
                            "limits": limits})
    pns = pptp.connect(client, "192.0.2.1").establish()
    pns.send(*(pptp.ocrq(i + 1) for i in range(LOGINS)))
    for _ in range(LOGINS):
        assert pns.expect(pptp.OCRP)[4] == 1
    lab.wait_for(lambda: pacd.log().count(" pppd=2.4.9") >= LOGINS, "all stand there and wait")

    a.freeze()
    echo = Echo(pptp.connect(client, "192.0.2.1").establish())
    since = time.monotonic()
    with open(go, "w"):
        lab.wait_for(lambda: pacd.log().count(" login ") >= LOGINS or pacd.logged("login-failed"),
                     lambda: f"{len(by(pacd))} logins")
    took = time.monotonic() - since
    answered = echo.stop()
    print(f"{LOGINS} logins in {took:.1f} s, {len(answered)} echoes, worst {max(answered):.3f} s")
    assert not pacd.logged("login-failed")
    assert by(pacd) == [b.address] * LOGINS
    assert took < 20, "the bound (radius.total)"
    assert len(answered) > 5 and max(answered) < 1
    seen = radius.servers(pacd)
    assert seen[b.address]["accepts"] == LOGINS and seen[a.address]["state"] == "dead"
