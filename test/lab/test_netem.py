"""A path that loses, reorders and doubles packets, in both directions, under a call with stateless MPPE."""

import lab

SIZE = 400_000


class Path:
    """The cable between server and client with netem on both of its ends."""

    def __init__(self, server, client):
        self.ends = ((server, "v0a"), (client, "v0b"))

    def set(self, *netem):
        for host, dev in self.ends:
            host.run("tc", "qdisc", "replace", "dev", dev, "root", "netem", "limit", "10000", *netem)


def grown(pacd, before):
    (session,) = pacd.sessions()
    return {key: session[key] - before.get(key, 0) for key in session if key.startswith("rx_")}, \
        {key: session[key] for key in session if key.startswith("rx_")}


def load(server, client, caller):
    """A file in each direction: its packets are data in one and acknowledgments in the other."""
    lab.transfer(client, server, "10.99.0.1", SIZE)
    lab.transfer(server, client, caller.address(), SIZE)


def test_bad_path(wire, start, dial):
    """GRE-05, -06, -07, -11: TCP goes through whole, the counters say what the path does, and MPPE never loses its step."""
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    caller.reach()
    path = Path(server, client)

    load(server, client, caller)
    clean, total = grown(pacd, {})
    assert clean["rx_packets"] > SIZE // 1400
    assert not any(clean[key] for key in ("rx_lost", "rx_duplicate", "rx_reordered", "rx_old")), clean

    path.set("duplicate", "10%")
    load(server, client, caller)
    doubled, total = grown(pacd, total)
    assert doubled["rx_duplicate"] >= doubled["rx_packets"] // 30, doubled
    assert not doubled["rx_lost"] and not doubled["rx_reordered"], doubled

    path.set("delay", "10ms", "4ms", "reorder", "25%", "50%")
    load(server, client, caller)
    mixed, total = grown(pacd, total)
    assert mixed["rx_reordered"] >= mixed["rx_packets"] // 50, mixed
    assert not mixed["rx_duplicate"], mixed

    path.set("loss", "2%", "delay", "2ms")
    load(server, client, caller)
    lossy, total = grown(pacd, total)
    assert lossy["rx_lost"] > 0 and not lossy["rx_duplicate"], lossy
    assert lossy["rx_lost"] < lossy["rx_packets"] // 10, lossy

    path.set("loss", "2%", "delay", "10ms", "4ms", "reorder", "25%", "50%", "duplicate", "2%")
    load(server, client, caller)
    caller.reach()
    server.reach(caller.address())
    (session,) = pacd.sessions()
    assert session["mppe_bits"] == 128
    assert caller.process.poll() is None
    print({"doubled": doubled, "mixed": mixed, "lossy": lossy})
