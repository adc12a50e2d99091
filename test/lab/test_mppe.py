"""What mppe = "require", "allow" and "deny" mean to clients that insist on MPPE or refuse it, and the wire (SEC-01)."""

import lab

REFUSE = ("nomppe",)
MARKS = {"insists": bytes.fromhex("deadbeef01234567"), "refuses": bytes.fromhex("cafebabe89abcdef")}


def dial_both(client, dial):
    return {"insists": dial(client, "192.0.2.1", wait=False, options=lab.MPPE),
            "refuses": dial(client, "192.0.2.1", wait=False, user="bob", password="builder", options=REFUSE)}


def ping_marked(caller, mark):
    """Pings whose payload can be recognised."""
    caller.reach()
    done = caller.host.run("ping", "-n", "-c", "3", "-i", "0.2", "-p", mark.hex(), "-I", caller.ifname, "10.99.0.1")
    assert "3 received" in done.stdout


def refused(pacd, caller, user):
    """Nothing of the network was reached: no IP on either side."""
    caller.wait_end()
    assert not caller.up()
    lab.wait_for(lambda: pacd.logged("call-down", user=f'"{user}"'), lambda: f"the call is over\n{pacd.log()}")
    (login,) = pacd.logged("login", user=f'"{user}"')
    number = login.split()[0]
    assert not [line for line in pacd.logged("session-up") if line.split()[0] == number]


def mppe_bits(pacd):
    return {session["user"]: session["mppe_bits"] for session in pacd.sessions()}


def test_require(wire, start, dial):
    """SEC-01: the default: who refuses MPPE is not let in, and on the wire nothing can be read."""
    server, client = wire
    pacd = start(server)
    sniffer = lab.Sniffer(server, "v0a")
    callers = dial_both(client, dial)
    callers["insists"].wait_up()
    ping_marked(callers["insists"], MARKS["insists"])
    refused(pacd, callers["refuses"], "bob")
    lab.wait_for(lambda: mppe_bits(pacd) == {"alice": 128}, "only one session is left")
    seen = sniffer.frames()
    assert len([f for f in seen if f[23:24] == b"\x2f"]) > 6, "GRE was seen"
    assert not [f for f in seen if MARKS["insists"] in f]


def test_allow(wire, start, dial):
    """SEC-01: who insists gets MPPE and who refuses gets in without: "allow" is up to the peer."""
    server, client = wire
    pacd = start(server, ppp__mppe='"allow"')
    sniffer = lab.Sniffer(server, "v0a")
    callers = dial_both(client, dial)
    for name, caller in callers.items():
        caller.wait_up()
        ping_marked(caller, MARKS[name])
    assert mppe_bits(pacd) == {"alice": 128, "bob": 0}
    seen = sniffer.frames()
    assert not [f for f in seen if MARKS["insists"] in f]
    assert len([f for f in seen if MARKS["refuses"] in f]) == 6, "three pings and their answers, in clear"


def test_deny(wire, start, dial):
    """A client that insists finds that it is not to be had; the other one gets in."""
    server, client = wire
    pacd = start(server, ppp__mppe='"deny"')
    callers = dial_both(client, dial)
    callers["refuses"].wait_up()
    ping_marked(callers["refuses"], MARKS["refuses"])
    callers["insists"].wait_end()
    assert not callers["insists"].up()
    lab.wait_for(lambda: mppe_bits(pacd) == {"bob": 0}, "only one session is left")
