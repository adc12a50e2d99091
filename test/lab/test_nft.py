"""conf/pacd.nft as it is shipped, on a machine that takes calls and that forwards those of hosts behind it."""

import json
import socket

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

import lab


def segment_sizes(sniffer, port, link=Ether):
    """The MSS options of the SYNs of that port that have passed, by who sent them."""
    found = {}
    for frame in sniffer.frames():
        packet = link(frame)
        if TCP in packet and packet[TCP].flags.S and port in (packet[TCP].dport, packet[TCP].sport):
            found["answer" if packet[TCP].sport == port else "request"] = dict(packet[TCP].options)["MSS"]
    return found


def rules(host):
    listing = json.loads(host.run("nft", "-j", "list", "table", "inet", "pacd").stdout)["nftables"]
    return [item["rule"] for item in listing if "rule" in item]


def counted(host):
    """Packets that the rules with a counter have let in: of the control connection, and of GRE."""
    return [e["counter"]["packets"] for rule in rules(host) for e in rule["expr"] if "counter" in e]


def lan_behind(net, server):
    """A host 10.1.0.2 behind the server."""
    lan = net.host("lan")
    net.cable(server, "10.1.0.1/24", lan, "10.1.0.2/24")
    lan.ip("route", "add", "default", "via", "10.1.0.1")
    server.sysctl("net.ipv4.ip_forward", 1)
    return lan


def test_call_through_the_rules(net, wire, start, dial):
    """GRE-18: the file loads, twice too; its rules count a call; TCP through the tunnel is clamped both ways."""
    server, client = wire
    lan = lan_behind(net, server)
    lab.load_nft(server, "v0a")
    lab.load_nft(server, "v0a")
    assert len(rules(server)) == 5
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    client.ip("route", "add", "10.1.0.0/24", "dev", caller.ifname)
    client.ip("link", "set", caller.ifname, "mtu", "1500")  # or the client would ask for less by itself
    caller.reach("10.1.0.2")
    control, gre = counted(server)
    assert control > 4 and gre > 10

    near, far = lab.Sniffer(client, caller.ifname), lab.Sniffer(lan, "v1b")
    with lan.inside():
        listener = socket.create_server(("10.1.0.2", 8080))
    with client.inside():
        socket.create_connection(("10.1.0.2", 8080), timeout=lab.DEADLINE).close()
    listener.close()
    (mtu,) = [link["mtu"] for link in json.loads(server.ip("-j", "link", "show").stdout) if link["ifname"] == "ppp0"]
    assert mtu == 1396
    assert segment_sizes(near, 8080, link=IP) == {"request": 1460, "answer": mtu - 40}
    assert segment_sizes(far, 8080) == {"request": mtu - 40, "answer": 1460}
    assert len(pacd.sessions()) == 1


def test_client_behind_the_server(net, wire, start, dial):
    """CALL-07, GRE-19: a host behind the server calls another one through the NAT helper."""
    server, client = wire
    lan = lan_behind(net, server)
    lab.load_nft(server, "v0a")
    server.run("nft", "add", "rule", "inet", "pacd", "postrouting", "ip", "saddr", "10.1.0.0/24", "oifname", "v0a",
               "masquerade")
    own = start(server)
    pools = '( { name = "main"; local = "10.77.0.1"; ranges = [ "10.77.0.10-99" ]; } )'
    other = start(client, name="other", pools=pools)
    through = dial(lan, "192.0.2.2", wait=False, options=lab.MPPE)
    direct = dial(client, "192.0.2.1", wait=False, options=lab.MPPE)
    through.wait_up()
    direct.wait_up()
    through.reach("10.77.0.1")
    direct.reach("10.99.0.1")
    (session,) = other.sessions()
    assert session["peer_address"] == "192.0.2.1" and session["mppe_bits"] == 128
    (session,) = own.sessions()
    assert session["peer_address"] == "192.0.2.2"
