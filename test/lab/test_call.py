"""One real client, end to end: pptp-linux, pppd on both sides, MPPE, pings (CC-03, CALL-OUT-03, -07, PPP-05)."""

import lab


def test_mppe_call(wire, start, dial):
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)

    client.reach("10.99.0.1")
    client.ping("10.99.0.1")
    server.ping(caller.address())
    client.ping("10.99.0.1", size=1372)  # fills the MTU of 1400

    (session,) = pacd.sessions()
    assert session["user"] == "alice"
    assert session["mppe_bits"] == 128
    assert session["address"] == caller.address()
    assert pacd.logged("login", method="mschapv2")

    caller.stop()
    lab.wait_for(lambda: not pacd.sessions(), "the session is gone")
    lab.wait_for(lambda: not pacd.pppds(), "pppd is gone")
    (line,) = pacd.logged("call-down")
    assert "reason=" in line
    assert pacd.stop() == 0
