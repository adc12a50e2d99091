"""Lines of terminal servers: RFC 2217 with RI, DCD and DTR, ser2net as another's server, and raw TCP both ways."""

import re
import subprocess

import lab
import lines
import ports
import pytest
import rfc2217
from lines import HOME1
from modem import Answer

pytest_plugins = ("lines_fixtures",)

NO_FRAMES = {"pppd": 0}
TS = "192.0.4.2"
ANY = lines.group(match="*", group="default", **{"from": [HOME1]})


@pytest.fixture
def terminal_server(net, office):
    """Its host."""
    host = net.host("ts")
    net.cable(office[0], "192.0.4.1/24", host, f"{TS}/24")
    host.reach("192.0.4.1")
    return host


def port_line(count=1, **more):
    return lines.group(name="p%", type="tcp", mode="rfc2217", address=f"{TS}:7001", count=count, **{"retry": 1, **more})


def test_all_control_lines(office, terminal_server, start, phone, pns_at, user_at):
    """Negotiation and settings; RI without any RING text is a ring; frames with all octets; loss of DCD without any NO
    CARRIER text is the end; DTR hangs up."""
    side = rfc2217.Server(terminal_server, TS, 7001)
    m = phone.modem(side, number="5550100", quiet_end=True)
    pns = pns_at(office[1], HOME1, auth="mschapv2")
    pacd = start(office[0], **lines.settings(port_line(called="5550100")))
    lines.wait_state(pacd, "idle")
    assert lines.shown(pacd, "p1")["control"] == "rfc2217"
    assert side.asked[rfc2217.WILL, rfc2217.COM_PORT] == 1
    assert side.baud() == 115200 and not side.faults
    given = {kind for kind, _ in side.settings}
    assert {rfc2217.BAUD, rfc2217.DATASIZE, rfc2217.PARITY, rfc2217.STOPSIZE, rfc2217.CONTROL} <= given
    assert side.dtr_on

    user = user_at(office[3], auth="mschapv2")
    call = phone.call(m, user=user.argv, text=False)
    icrq = pns.received("ICRQ")
    assert (icrq.dialed, icrq.dialing) == ("5550100", "")
    user.wait_up()
    lines.both_ways(user, pns)
    call.hang_up()
    assert pns.received("CDN").result == 1
    lines.all_free(pacd)

    drops = m.dtr_drops
    call = phone.call(m, calling="5551234")
    icrp = pns.wait("out", 2, type="ICRP")
    pns.wait("frames", 2)
    pns.tell(f"ccrq {icrp.conn} call={icrp.call_id}")
    assert pns.received("CDN", count=2).result == 4
    lab.wait_for(lambda: m.dtr_drops > drops and call.state == "ended", "DTR has hung up")
    lines.all_free(pacd)
    assert not side.faults and side.connections == 1


def test_connection_lost(office, terminal_server, start, phone, pns_at):
    """The terminal server goes away in mid-call: CDN; it is connected to again, and the next call works."""
    side = rfc2217.Server(terminal_server, TS, 7001)
    m = phone.modem(side, number="5550100")
    pns = pns_at(office[1], HOME1, **NO_FRAMES)
    pacd = start(office[0], **lines.settings(port_line()))
    lines.wait_state(pacd, "idle")
    call = phone.call(m, calling="5551234")
    pns.received("ICCN")
    side.break_off()
    assert pns.received("CDN").result in (1, 2)
    lab.wait_for(lambda: call.state == "ended", "no client, no DTR")
    lines.all_free(pacd)
    assert side.connections == 2
    again = phone.call(m, calling="5551234")
    lab.wait_for(lambda: again.was_online, "the next call is answered")


def test_option_refused(office, terminal_server, start, phone, pns_at):
    """A plain telnet port: RING and NO CARRIER text decide, which is said in the log."""
    side = rfc2217.Server(terminal_server, TS, 7001, refuse=True)
    m = phone.modem(side, number="5550100")
    pns = pns_at(office[1], HOME1, **NO_FRAMES)
    pacd = start(office[0], **lines.settings(port_line()))
    lines.wait_state(pacd, "idle")
    assert lines.shown(pacd, "p1")["control"] == "text"
    call = phone.call(m, calling="5551234")
    pns.received("ICCN")
    lab.wait_for(lambda: call.was_online, "it is answered")
    call.hang_up()
    assert pns.received("CDN").result == 1
    lines.all_free(pacd)
    assert not side.settings and not side.faults


def test_dial_out(office, terminal_server, start, phone, pns_at):
    """A pool of three ports, each of its own TCP port; one of them dials."""
    sides = [rfc2217.Server(terminal_server, TS, 7001 + i) for i in range(3)]
    made = [phone.modem(side) for side in sides]
    phone.numbers["5559876"] = Answer(speed=28800)
    pacd = start(office[0], **lines.settings(port_line(count=3), dialplan=[ANY]))
    lines.wait_state(pacd, "idle", count=3)
    pns = pns_at(office[1], **NO_FRAMES)
    conn = pns.connect("192.0.2.1")
    pns.tell(f"ocrq {conn} call=1 number=5559876")
    ocrp = pns.received("OCRP")
    assert (ocrp.result, ocrp.speed) == (1, 28800)
    assert [m.state for m in made].count("online") == 1
    pns.tell(f"ccrq {conn} call=1")
    pns.received("CDN")
    lines.all_free(pacd)


# --- ser2net ---

SER2NET = """%YAML 1.1
---
connection: &port
  accepter: telnet(rfc2217),tcp,{address},7001
  connector: serialdev,{device},115200n81,local
"""


@pytest.fixture
def ser2net(terminal_server, folder):
    """ser2net in front of a modem on a pty."""
    running = []

    def start(device):
        conf = folder / "ser2net.yaml"
        conf.write_text(SER2NET.format(address=TS, device=device))
        out = open(folder / "ser2net.log", "wb")
        running.append(terminal_server.popen("ser2net", "-n", "-d", "-c", conf, stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=out))
        lab.wait_for(lambda: "LISTEN" in terminal_server.run("ss", "-ltnH", "sport = :7001").stdout, "ser2net serves")

    yield start
    for process in running:
        process.terminate()
        process.wait(30)
    print((folder / "ser2net.log").read_text(errors="replace"))


def test_ser2net(office, terminal_server, ser2net, start, phone, pns_at, user_at, folder):
    """An independent RFC 2217 server: negotiation, and all octets of a user's session through it. Its port is a pty,
    which has no carrier to tell of, so text decides."""
    m = phone.modem(ports.Pty(folder / "tty1"), number="5550100")
    ser2net(folder / "tty1")
    pns = pns_at(office[1], HOME1, auth="mschapv2")
    pacd = start(office[0], **lines.settings(port_line(control="text")))
    lines.wait_state(pacd, "idle")
    user = user_at(office[3], auth="mschapv2")
    call = phone.call(m, calling="5551234", user=user.argv)
    user.wait_up()
    lines.both_ways(user, pns)
    call.hang_up()
    pns.received("CDN")
    lines.all_free(pacd)


# --- raw TCP ---


def test_raw_in(office, terminal_server, start, pns_at, user_at):
    """A connection that is accepted is a ring; refused ones are closed; its end is the caller's; one call at a time."""
    pns = pns_at(office[1], HOME1)
    line = lines.group(name="r%", type="tcp", mode="raw", listen="192.0.4.1:7100", peers=[TS], speed=64000,
                       called="5550200", bearer="digital", group="raw", use="in")
    pacd = start(office[0], **lines.settings(line))
    lines.wait_state(pacd, "idle")
    user = user_at(terminal_server)
    argv = [*user.argv, "pty", "nc 192.0.4.1 7100"]
    caller = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    icrq = pns.received("ICRQ")
    assert (icrq.dialed, icrq.bearer) == ("5550200", 2)
    iccn = pns.received("ICCN")
    assert (iccn.speed, iccn.framing) == (64000, 1)
    user.wait_up()
    lines.both_ways(user, pns)
    second = lines.connected(terminal_server, "192.0.4.1", 7100)
    assert second.recv(1) == b"", "the line is in use"
    caller.terminate()
    assert pns.received("CDN").result == 1
    caller.wait(30)
    lines.all_free(pacd)
    assert len(pns.all("ICRQ")) == 1

    pns.set(icrp=3)
    third = lines.connected(terminal_server, "192.0.4.1", 7100)
    pns.received("ICRQ", count=2)
    assert third.recv(1) == b"", "nobody has taken it"
    lines.all_free(pacd)


def test_raw_in_from_a_stranger(office, terminal_server, start, pns_at):
    """Only who is named may ring."""
    pns = pns_at(office[1], HOME1, **NO_FRAMES)
    line = lines.group(name="r1", type="tcp", mode="raw", listen="0.0.0.0:7100", peers=[TS], use="in")
    pacd = start(office[0], **lines.settings(line))
    lines.wait_state(pacd, "idle")
    stranger = lines.connected(office[1], "192.0.2.1", 7100)
    try:
        assert stranger.recv(1) == b""
    except ConnectionResetError:
        pass
    friend = lines.connected(terminal_server, "192.0.4.1", 7100)
    pns.received("ICCN")
    assert len(pns.all("ICRQ")) == 1
    friend.close()
    assert pns.received("CDN").result == 1
    lines.all_free(pacd)


def test_raw_out(office, terminal_server, start, pns_at, user_at):
    """Dialling connects; a port that refuses is busy, or no carrier."""
    line = lines.group(name="r1", type="tcp", mode="raw", address=f"{TS}:7200", speed=64000)
    pacd = start(office[0], **lines.settings(line, dialplan=[ANY]))
    lines.wait_state(pacd, "idle")
    pns = pns_at(office[1])
    conn = pns.connect("192.0.2.1")
    pns.tell(f"ocrq {conn} call=1 number=1")
    assert pns.received("OCRP", peer_call_id=1).result in (3, 4)
    lines.all_free(pacd)
    user = user_at(terminal_server, options=("passive",))
    argv = [*user.argv, "pty", "nc -l 192.0.4.2 7200"]
    callee = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    lab.wait_for(lambda: re.search("LISTEN", terminal_server.run("ss", "-ltnH", "sport = :7200").stdout), "nc listens")
    pns.tell(f"ocrq {conn} call=2 number=1")
    ocrp = pns.received("OCRP", peer_call_id=2)
    assert (ocrp.result, ocrp.speed) == (1, 64000)
    user.wait_up()
    lines.both_ways(user, pns)
    pns.tell(f"ccrq {conn} call=2")
    assert pns.received("CDN").result == 4
    callee.wait(60)
    lines.all_free(pacd)
