"""A path that loses, reorders and doubles packets, under a call with stateless MPPE."""

import lab

SIZE = 400_000
BOTH = ("loss", "2%", "delay", "2ms")
MIXING = ("delay", "10ms", "4ms", "reorder", "25%", "50%")


class Path:
    """The cable from client to server, with netem on its ends.

    What goes to the client is never doubled or mixed: pptp-linux spins for ever in its own queue when both happen.
    """

    def __init__(self, server, client):
        self.server, self.client = server, client

    def up(self, *netem):
        self.client.run("tc", "qdisc", "replace", "dev", "v0b", "root", "netem", "limit", "10000", *netem)

    def down(self, *netem):
        self.server.run("tc", "qdisc", "replace", "dev", "v0a", "root", "netem", "limit", "10000", *netem)


class Counters:
    """What pacd has counted since the last look."""

    def __init__(self, pacd):
        self.pacd, self.last = pacd, {}

    def grown(self):
        (session,) = self.pacd.sessions()
        now = {key: session[key] for key in session if key.startswith("rx_")}
        grown = {key: now[key] - self.last.get(key, 0) for key in now}
        self.last = now
        print(grown)
        return grown


def test_bad_path(wire, start, dial):
    """GRE-04 to -08, -11: TCP goes through whole, the counters tell what the path does, MPPE never loses its step."""
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE, pptp=("--timeout", "0.05"))
    caller.reach()
    path, counters = Path(server, client), Counters(pacd)

    lab.transfer(client, server, "10.99.0.1", SIZE)
    lab.transfer(server, client, caller.address(), SIZE)
    clean = counters.grown()
    assert clean["rx_packets"] > SIZE // 1400
    assert not any(clean[key] for key in ("rx_lost", "rx_duplicate", "rx_reordered", "rx_old", "rx_dropped"))

    path.up("duplicate", "10%")
    lab.transfer(client, server, "10.99.0.1", SIZE)
    doubled = counters.grown()
    assert doubled["rx_duplicate"] >= doubled["rx_packets"] // 30
    assert not doubled["rx_lost"] and not doubled["rx_reordered"] and not doubled["rx_old"]

    path.up(*MIXING)
    lab.transfer(client, server, "10.99.0.1", SIZE)
    mixed = counters.grown()
    assert mixed["rx_reordered"] >= mixed["rx_packets"] // 50
    assert not mixed["rx_duplicate"]

    path.up(*BOTH)
    path.down(*BOTH)
    caller.reach()  # what the path before had delayed is through
    counters.grown()
    lab.transfer(client, server, "10.99.0.1", SIZE)
    lab.transfer(server, client, caller.address(), SIZE)
    lossy = counters.grown()
    assert 0 < lossy["rx_lost"] < lossy["rx_packets"] // 10
    assert not lossy["rx_duplicate"] and not lossy["rx_reordered"]

    path.up(*MIXING, "loss", "2%", "duplicate", "5%")
    lab.transfer(client, server, "10.99.0.1", SIZE)
    assert all(value for key, value in counters.grown().items() if key in ("rx_lost", "rx_duplicate", "rx_reordered"))

    caller.reach()
    server.reach(caller.address())
    (session,) = pacd.sessions()
    assert session["mppe_bits"] == 128 and session["address"] == caller.address()
    # A frame that MPPE could not decrypt would have been answered by a CCP Reset-Request.
    assert "CCP ResetReq" not in caller.log()
    assert "Reset" not in pacd.log()
