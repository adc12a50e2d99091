"""The control connection as a scripted PNS sees it (CC, MSG, CALL, TIM). pppd's place is taken by a stub that waits."""

import os
import socket
import struct
import time

import pytest

import lab
import pptp

STUB = {"ppp.check": "false", "ppp.pppd": f'"{lab.TOP}/test/lab/stub"'}


@pytest.fixture
def stub(wire, start):
    """stub(**settings): a pacd whose calls end in a stub, and the client host."""
    server, client = wire

    def make(**settings):
        return start(server, **{**STUB, **settings}), client

    return make


def server_answers(client):
    pns = pptp.connect(client, "192.0.2.1").establish()
    pns.send(pptp.echo(77))
    assert pns.expect(pptp.ECHO_RP)[:5] == struct.pack("!IB", 77, 1)
    pns.close()


def test_max_channels_and_limits(stub):
    """CALL-04: one too many gets 2/4 and the connection lives; limits per peer and per connection."""
    pacd, client = stub(max_channels="3", limits="{ calls_per_peer = 0; connections_per_peer = 4; calls_per_connection = 0; }")
    pns = pptp.connect(client, "192.0.2.1")
    pns.send(pptp.sccrq())
    body = pns.expect(pptp.SCCRP)
    assert struct.unpack("!H", body[12:14])[0] == 3, "Maximum Channels is announced"
    ids = {pns.call(n)[0] for n in (1, 2, 3)}
    assert len(ids) == 3 and 0 not in ids
    other = pptp.connect(client, "192.0.2.1").establish()
    assert other.call(1) == (0, 2, 4)
    assert pns.call(4) == (0, 2, 4)
    pns.send(pptp.ccrq(2))
    assert pns.cdn()[1:3] == (4, 0)
    assert other.call(1)[1] == 1
    pns.send(pptp.echo(5))
    assert pns.expect(pptp.ECHO_RP)
    assert pacd.logged("call-refused", reason="max_channels")
    # connections_per_peer: two are there, two more fit
    more = [pptp.connect(client, "192.0.2.1").establish() for _ in range(2)]
    assert pptp.connect(client, "192.0.2.1").eof()
    more[0].close()
    lab.wait_for(lambda: len(pacd.ctl("show", "connections")) == 3, "a place is free")
    server_answers(client)


def test_calls_per_peer_and_connection(stub):
    pacd, client = stub(limits="{ calls_per_peer = 2; calls_per_connection = 1; }")
    a = pptp.connect(client, "192.0.2.1").establish()
    assert a.call(1)[1] == 1
    assert a.call(2) == (0, 2, 4)  # calls_per_connection
    b = pptp.connect(client, "192.0.2.1").establish()
    assert b.call(1)[1] == 1
    c = pptp.connect(client, "192.0.2.1").establish()
    assert c.call(1) == (0, 2, 4)  # calls_per_peer
    a.send(pptp.ccrq(1))
    a.cdn()
    assert c.call(1)[1] == 1


def test_clearing(stub):
    """CALL-OUT-07, -13, -15, MSG-22: CCRQ gets one CDN with the PAC's id, result 4 and statistics; the connection lives."""
    pacd, client = stub()
    pns = pptp.connect(client, "192.0.2.1").establish()
    pac, result, _ = pns.call(0x1234)
    assert result == 1
    pns.send(pptp.ccrq(0x1234))
    got = pns.cdn()
    assert got[0] == pac and got[1:3] == (4, 0)
    assert "rx=" in got[3]
    pns.send(pptp.ccrq(0x1234), pptp.ccrq(9), pptp.sli(pac), pptp.echo(1))  # ignored, ignored, ignored
    assert pns.expect(pptp.ECHO_RP)
    again = pns.call(0x1234)
    assert again[1] == 1 and again[0] != pac
    lab.wait_for(lambda: len(pacd.pppds() + stubs(pacd)) <= 1, "the first stub is gone")


def stubs(pacd):
    return [pid for pid in lab.children(pacd.root_pid()) if lab.command_name(pid) == "cat"]


def test_duplicate_call_id(stub):
    """CALL-03: on one connection 2/5; on two connections of one address both live (NAT)."""
    _, client = stub()
    a = pptp.connect(client, "192.0.2.1").establish()
    b = pptp.connect(client, "192.0.2.1").establish()
    first = a.call(1)
    assert first[1] == 1
    assert a.call(1) == (0, 2, 5)
    second = b.call(1)
    assert second[1] == 1 and second[0] != first[0]
    b.send(pptp.ccrq(1))  # SEC-06: clears its own
    assert b.cdn()[0] == second[0]
    a.send(pptp.ccrq(1))
    assert a.cdn()[0] == first[0]


def test_bad_values(stub):
    """MSG-14, MSG-15."""
    _, client = stub()
    pns = pptp.connect(client, "192.0.2.1").establish()
    for kw in ({"bearer": 0}, {"bearer": 4}, {"framing": 0}, {"framing": 9}, {"number_len": 65},
               {"min_bps": 2000, "max_bps": 1000}):
        assert pns.call(7, **kw) == (0, 2, 3), kw
    assert pns.call(7, window=0)[1] == 1


def test_first_message(stub):
    """CC-02, CC-06, CC-07, CC-10, MSG-02..04."""
    pacd, client = stub()
    for junk, answer in ((pptp.ocrq(1), pptp.OCRP), (pptp.echo(1), pptp.ECHO_RP), (pptp.stop(), pptp.STOP_RP),
                         (pptp.ccrq(1), None), (pptp.message(99, b"1234"), None), (b"GET / HTTP/1.0\r\n\r\n", None),
                         (pptp.message(1, b""), None), (pptp.message(1, bytes(144), cookie=0), None)):
        pns = pptp.connect(client, "192.0.2.1")
        pns.send(junk)
        if answer:
            pns.expect(answer)
        assert pns.eof(), junk
    old = pptp.connect(client, "192.0.2.1")
    old.send(pptp.sccrq(version=0))
    assert old.expect(pptp.SCCRP)[:3] == struct.pack("!HB", 0x0100, 5) and old.eof()
    new = pptp.connect(client, "192.0.2.1")
    new.send(pptp.sccrq(version=0x0200))
    assert new.expect(pptp.SCCRP)[:3] == struct.pack("!HB", 0x0100, 5) and new.eof()
    pns = pptp.connect(client, "192.0.2.1").establish()
    pns.send(pptp.sccrq())
    assert pns.expect(pptp.SCCRP)[2] == 3
    pns.send(pptp.message(99, b"1234"), pptp.message(5, b"1234", pptp_type=2), pptp.echo(3))
    assert pns.expect(pptp.ECHO_RP)[:4] == struct.pack("!I", 3)
    server_answers(client)


def test_stream(stub):
    """CC-18, CC-19: any split, many in one segment, and a peer that does not read."""
    pacd, client = stub()
    pns = pptp.connect(client, "192.0.2.1")
    pns.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in pptp.sccrq():
        pns.send(bytes([octet]))
    pns.expect(pptp.SCCRP)
    pns.send(*[pptp.echo(n) for n in range(500)], pptp.ocrq(5))
    for n in range(500):
        assert pns.expect(pptp.ECHO_RP)[:4] == struct.pack("!I", n)
    assert pns.expect(pptp.OCRP)[4] == 1
    deaf = pptp.connect(client, "192.0.2.1").establish()
    deaf.sock.settimeout(20)
    flood = b"".join(pptp.echo(n) for n in range(1000))
    with pytest.raises((socket.timeout, ConnectionError)):
        for _ in range(20000):
            deaf.sock.sendall(flood)
    server_answers(client)


def test_stop_and_loss(stub):
    """CC-11, CC-17: Stop, FIN and RST each free calls, ids and stubs at once."""
    pacd, client = stub(max_channels="2")
    for end in ("stop", "fin", "rst") * 2:
        pns = pptp.connect(client, "192.0.2.1").establish()
        assert lab.wait_for(lambda: pns.call(1)[1] == 1, "a free channel")
        assert pns.call(2)[1] == 1
        if end == "stop":
            pns.send(pptp.stop(), pptp.echo(1))
            assert pns.expect(pptp.STOP_RP)[:2] == b"\1\0"
            assert pns.eof()
        if end == "rst":
            pns.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pns.close()
        lab.wait_for(lambda: pacd.ctl("show", "status")["channels"] == 0, "channels are free")
    lab.wait_for(lambda: not stubs(pacd), "no stub is left")


def test_polite_stop(stub):
    """CC-09: SIGTERM with a call up: CDN 3, Stop-CCRQ reason 3, end; exit code 0."""
    pacd, client = stub()
    pns = pptp.connect(client, "192.0.2.1").establish()
    pac, _, _ = pns.call(1)
    pacd.process.send_signal(15)
    assert pns.cdn()[:2] == (pac, 3)
    assert pns.expect(pptp.STOP_RQ)[0] == 3
    pns.send(pptp.message(pptp.STOP_RP, b"\1\0\0\0"))
    assert pns.eof()
    assert pacd.process.wait(30) == 0
    assert not pacd.socket.exists()


def test_keepalive(stub):
    """TIM-01..03 with short timers: echo when idle, none while an OCRQ waits, closed without an answer, for hours."""
    pacd, client = stub(timers="{ start = 2; reply = 2; echo_idle = 1; echo_reply = 1; }")
    started = time.monotonic()
    silent, half = pptp.connect(client, "192.0.2.1"), pptp.connect(client, "192.0.2.1")
    half.send(pptp.sccrq()[:6])
    assert silent.eof() and half.eof()
    assert 1.5 < time.monotonic() - started < 20
    pns = pptp.connect(client, "192.0.2.1").establish()
    pns.call(1)
    for _ in range(20):  # at 60 s each this is three hours and a half with a reply a minute
        identifier = pns.expect(pptp.ECHO_RQ)
        pns.send(pptp.echo_reply(struct.unpack("!I", identifier)[0]))
    assert len(pacd.sessions()) == 1
    pns.expect(pptp.ECHO_RQ)
    pns.send(pptp.sccrq()[:6])  # half a message is no sign of life
    assert pns.eof()
    lab.wait_for(lambda: not pacd.sessions(), "the call is cleared")


def test_silent_crowd(stub):
    """CC-01: many silent connections hold up nobody: above `pending` the oldest gives way; one address has its own bound."""
    pacd, client = stub(limits="{ connections_per_peer = 0; pending = 50; pending_per_peer = 60; }")
    crowd = [pptp.connect(client, "192.0.2.1") for _ in range(50)]
    server_answers(client)
    assert crowd[0].eof()
    for pns in crowd:
        pns.close()
    pacd.configure(limits="{ connections_per_peer = 0; pending = 50; pending_per_peer = 5; }")
    pacd.pacctl("reload")
    lab.wait_for(lambda: pacd.ctl("show", "status")["connections"] == 0, "all are gone")
    crowd = [pptp.connect(client, "192.0.2.1") for _ in range(5)]
    assert pptp.connect(client, "192.0.2.1").eof()  # one too many
    assert not crowd[0].data


def test_peers_lists(stub):
    """CC-04, SEC-01."""
    pacd, client = stub(peers='{ allow = [ "192.0.2.0/24" ]; deny = [ "192.0.2.66" ]; }')
    client.ip("addr", "add", "192.0.2.66/24", "dev", client.interfaces()[-1])
    client.ip("addr", "add", "198.51.100.2/24", "dev", client.interfaces()[-1])
    server_answers(client)
    assert pptp.connect(client, "192.0.2.1", source="192.0.2.66").eof()


def test_no_descriptors(stub):
    """SEC-07: out of descriptors it neither spins nor stops; it comes back."""
    pacd, client = stub(limits="{ connections_per_peer = 0; pending = 0; }")
    main = pacd.main_pid()
    used = len(os.listdir(f"/proc/{main}/fd"))
    lab.run("prlimit", "--pid", main, f"--nofile={used + 5}")
    crowd = []
    for _ in range(20):
        crowd.append(pptp.connect(client, "192.0.2.1"))
    pacd.wait_log("accept-failed")
    before = cpu_ticks(main)
    time.sleep(2)
    assert cpu_ticks(main) - before < 50, "it spins"
    assert len(pacd.log()) < 100000
    for pns in crowd:
        pns.close()
    server_answers(client)


def cpu_ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
