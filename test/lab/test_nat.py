"""Several clients at one address, several calls on one control connection, several connections from one host."""

import lab


def behind_nat(net):
    """A server at 192.0.2.1, a NAT router at 192.0.2.254, and two client hosts with private addresses behind it."""
    server, router = net.host("srv"), net.host("nat")
    wan, _ = net.cable(router, "192.0.2.254/24", server, "192.0.2.1/24")
    lab.load_nft(router, wan)
    router.run("nft", "add", "rule", "inet", "pacd", "postrouting", "oifname", wan, "masquerade")
    router.sysctl("net.ipv4.ip_forward", 1)
    clients = []
    for n in (1, 2):
        client = net.host(f"cli{n}")
        net.cable(router, f"10.0.{n}.1/24", client, f"10.0.{n}.2/24")
        client.ip("route", "add", "default", "via", f"10.0.{n}.1")
        clients.append(client)
    return server, clients


def test_two_clients_behind_one_nat(net, start, dial):
    """CALL-02, CALL-03, CALL-07, CC-08, GRE-19: the helper rewrites call ids; both calls are up at once, with MPPE."""
    server, clients = behind_nat(net)
    pacd = start(server)
    callers = [dial(host, "192.0.2.1", wait=False, user=user, password=password, options=lab.MPPE)
               for host, user, password in zip(clients, ("alice", "bob"), ("wonderland", "builder"))]
    for caller in callers:
        caller.wait_up()
    for _ in range(2):  # in turn, so that one would be seen to end the other
        for caller in callers:
            caller.reach()
            server.ping(caller.address(), count=2)
    sessions = pacd.sessions()
    assert {s["user"]: s["address"] for s in sessions} == {"alice": callers[0].address(), "bob": callers[1].address()}
    assert {s["peer_address"] for s in sessions} == {"192.0.2.254"}
    assert len({s["call_id"] for s in sessions}) == 2
    assert all(s["mppe_bits"] == 128 and s["rx_lost"] == 0 for s in sessions)
    assert len(pacd.ctl("show", "connections")) == 2
    callers[0].stop()
    lab.wait_for(lambda: len(pacd.sessions()) == 1, "the first call is over")
    callers[1].reach()


def test_calls_on_one_connection(wire, start, dial, folder):
    """CALL-OUT-07, -09, -15, SEC-06: three calls on one TCP connection; the end of one leaves the others."""
    server, client = wire
    pacd = start(server)
    shared = folder / "shared"
    first = dial(client, "192.0.2.1", shared=shared, options=lab.MPPE)  # makes the control connection
    second, third = (dial(client, "192.0.2.1", wait=False, shared=shared, user="bob", password="builder",
                          options=lab.MPPE) for _ in range(2))
    for caller in (first, second, third):
        caller.wait_up()
        caller.reach()
    (connection,) = pacd.ctl("show", "connections")
    assert connection["calls"] == 3
    assert {s["connection"] for s in pacd.sessions()} == {connection["id"]}

    second.stop()
    lab.wait_for(lambda: len(pacd.sessions()) == 2, "the second call is over")
    assert pacd.logged("call-down", reason="peer-clear") or pacd.logged("call-down", reason="user")
    (number,) = [s["id"] for s in pacd.sessions() if s["address"] == third.address()]
    pacd.pacctl("disconnect", number)
    third.wait_end()
    assert pacd.wait_log("call-down", session=number, reason="admin")
    lab.wait_for(lambda: len(pacd.sessions()) == 1, "the third call is over")
    (connection,) = pacd.ctl("show", "connections")
    assert connection["calls"] == 1
    first.reach()
    fourth = dial(client, "192.0.2.1", shared=shared, options=lab.MPPE)
    fourth.reach()
    assert [c["calls"] for c in pacd.ctl("show", "connections")] == [2]


def test_connections_from_one_address(wire, start, dial):
    """CC-08, CALL-01, CALL-03, CC-17, SEC-06: two connections of one host; one is torn, the other one's call stays."""
    server, client = wire
    pacd = start(server)
    first, second = (dial(client, "192.0.2.1", wait=False, options=lab.MPPE) for _ in range(2))
    for caller in (first, second):
        caller.wait_up()
        caller.reach()
    connections = {s["address"]: s["connection"] for s in pacd.sessions()}
    assert len(set(connections.values())) == 2
    (port,) = [c["peer_port"] for c in pacd.ctl("show", "connections") if c["id"] == connections[first.address()]]
    client.run("ss", "-K", "dport", "=", ":1723", "sport", "=", f":{port}")
    first.wait_end()
    assert pacd.wait_log("call-down", reason="peer-lost")
    lab.wait_for(lambda: [s["connection"] for s in pacd.sessions()] == [connections[second.address()]], "one is left")
    second.reach()
