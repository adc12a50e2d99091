"""Incoming calls: from a ring on a modem line to the PNS's pppd, and every way for it to end (CALL-IN, TIM, COL)."""

import os

import lab
import lines
import modem
import pytest
from lines import HOME1, HOME2

pytest_plugins = ("lines_fixtures",)

NO_FRAMES = {"pppd": 0}


def ring(phone, m, **kw):
    return phone.call(m, calling="5551234", **kw)


@pytest.mark.parametrize("auth", ["pap", "mschapv2"])
def test_dial_in(office, start, phone, modems, pns_at, user_at, folder, auth):
    """CALL-IN-01, -02, -03, -09, MSG-18 to -20, CALL-20: nothing is answered before the ICRP; the user logs in at the
    PNS, unseen by pacd, with MPPE; the caller hangs up."""
    server, home, _, caller = office
    pns = pns_at(home, HOME1, auth=auth, icrp_delay=1500)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    lines.wait_state(pacd, "idle")
    user = user_at(caller, auth=auth)
    call = ring(phone, m, user=user.argv, speed=31200, connect="31200/ARQ/V34/LAPM/V42BIS")
    icrq = pns.received("ICRQ")
    assert not call.was_answered
    assert (icrq.dialed, icrq.dialing, icrq.subaddress) == (m.number, "5551234", "")
    assert (icrq.dialed_len, icrq.dialing_len) == (7, 7)
    assert icrq.bearer == 1 and icrq.call_id != 0
    (sccrq,) = pns.all("SCCRQ")
    assert sccrq.version == 0x100 and sccrq.channels == 100

    iccn = pns.received("ICCN")
    (icrp,) = pns.sent("ICRP")
    assert iccn.peer_call_id == icrp.call_id
    assert (iccn.speed, iccn.framing, iccn.window) == (31200, 1, 4)
    user.wait_up()
    lines.both_ways(user, pns)
    sli = pns.wait("out", type="SLI")
    assert sli.peer_call_id == icrq.call_id

    (session,) = pacd.sessions()
    assert session["line"] == "m1" and session["direction"] == "in" and session["speed_bps"] == 31200
    assert (session["calling"], session["called"]) == ("5551234", m.number)
    shown = lines.shown(pacd, "m1")
    assert shown["state"] == "online" and shown["session"] == session["id"] and shown["control"] == "text"
    assert shown["channel"] == icrq.channel and shown["rings"] == 1

    call.hang_up()
    cdn = pns.received("CDN")
    assert (cdn.call_id, cdn.result, cdn.error) == (icrq.call_id, 1, 0)
    assert "rx=" in cdn.statistics
    lines.all_free(pacd)
    assert pacd.stop() == 0


@pytest.mark.parametrize("how", ["ccrq", "pppd", "admin", "line"])
def test_hang_up_from_the_inside(office, start, phone, modems, pns_at, folder, how):
    """CALL-IN-08 and -10: the PNS clears the call, its pppd ends, an administrator does it: the modem is on hook."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, **({} if how == "pppd" else NO_FRAMES))
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    pns.received("ICCN")
    lines.wait_state(pacd, "online")
    (icrp,) = pns.sent("ICRP")
    if how == "ccrq":
        pns.tell(f"ccrq {icrp.conn} call={icrp.call_id}")
    elif how == "pppd":
        pns.wait("frames", error=0)
        pns.tell(f"hangup {icrp.call_id}")
    elif how == "admin":
        pacd.pacctl("disconnect", str(pacd.sessions()[0]["id"]))
    else:
        pacd.pacctl("line", "m1", "hangup")
    cdn = pns.received("CDN")
    assert (cdn.result, cdn.error) == ((4 if how in ("ccrq", "pppd") else 3), 0)
    lab.wait_for(lambda: call.state == "ended", "the modem is on hook")
    lines.all_free(pacd)
    pns.tell(f"echo {icrp.conn}")
    pns.received("EchoRP")


BAD = {
    "icrp-error": {"icrp": 2, "icrp_error": 4}, "icrp-no": {"icrp": 3}, "icrp-0": {"icrp": 0}, "icrp-9": {"icrp": 9},
    "icrp-silent": {"icrp": "never"},
    "sccrp-error": {"sccrp": 2, "sccrp_error": 4}, "sccrp-exists": {"sccrp": 3}, "sccrp-not-authorized": {"sccrp": 4},
    "sccrp-version": {"sccrp": 5}, "sccrp-silent": {"sccrp": "never"}, "reset": {"rst_on": "accept"},
    "reset-sccrq": {"rst_on": "SCCRQ"}, "reset-icrq": {"rst_on": "ICRQ"}, "garbage": {"garbage_on": "accept"},
    "garbage-icrq": {"garbage_on": "ICRQ"},
}
GOOD = {"icrp": 1, "icrp_error": 0, "sccrp": 1, "sccrp_error": 0, "rst_on": 0, "garbage_on": 0}


def test_failover(office, start, phone, modems, pns_at, folder):
    """CALL-IN-02, -04, -07: whatever the first PNS does wrong, the second one takes the call within the ring time; what
    was offered to a silent one is withdrawn with a CDN."""
    server, home1, home2, _ = office
    first, second = pns_at(home1, HOME1, **NO_FRAMES), pns_at(home2, HOME2, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), routes=(HOME1, HOME2),
                                          pns={"offer_timeout": 2, "idle": 1}))
    for name, bad in BAD.items():
        lines.wait_state(pacd, "idle")
        lab.wait_for(lambda: not pacd.ctl("show", "connections"), "idle connections are closed")
        first.set(**{**GOOD, **bad})
        mark, calls = first.mark(), len(second.all("ICCN"))

        def attempt():
            """One whole call; whether the first PNS was tried: after a failure it is left alone for a moment."""
            nonlocal calls
            call = ring(phone, m)
            second.received("ICCN", count=calls + 1)
            calls += 1
            lab.wait_for(lambda: call.was_online, f"{name}: the line is answered")
            call.hang_up()
            lines.all_free(pacd)
            return first.events("conn", after=mark)

        lab.wait_for(attempt, f"{name}: the first PNS is tried")
        assert not first.all("ICCN", after=mark), name
        if name == "icrp-silent":
            icrq = first.all("ICRQ", after=mark)[0]
            cdn = first.wait("in", after=mark, type="CDN", call_id=icrq.call_id)
            assert cdn.error == 0, cdn.text
    assert m.answered == len(second.all("ICCN"))


def test_nobody_takes_it(office, start, phone, modems, pns_at, folder):
    """CALL-IN-04: no PNS: connection refused by one, unreachable network for another, an ICRP 3: nobody is answered."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, icrp=3)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), routes=(f"{HOME2}:1724", "198.51.100.9", HOME1),
                                          pns={"offer_timeout": 3}))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    pns.received("ICRQ")
    lab.wait_for(lambda: not pacd.sessions(), "the offers are over")
    rung = call.rung
    lab.wait_for(lambda: call.rung > rung + 3, "it rings on")
    assert call.state == "ringing" and m.answered == 0
    assert len(pns.all("ICRQ")) == 1
    call.hang_up()
    lines.all_free(pacd)


def test_caller_gives_up(office, start, phone, modems, pns_at, folder):
    """CALL-IN-05: while the call is offered: a CDN, no answer."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, icrp="never")
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), pns={"offer_timeout": 40}))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    icrq = pns.received("ICRQ")
    call.hang_up()
    cdn = pns.received("CDN")
    assert (cdn.call_id, cdn.result, cdn.error) == (icrq.call_id, 1, 0)
    assert m.answered == 0
    lines.all_free(pacd)


def test_answer_fails(office, start, phone, modems, pns_at, folder):
    """CALL-IN-06: the PNS takes it, and the modem finds no carrier: a CDN, never an ICCN."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1)
    (m,) = modems(1, deaf_to=("ATA",))
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1, dial_timeout=3)))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    icrq = pns.received("ICRQ")
    cdn = pns.received("CDN")
    assert cdn.call_id == icrq.call_id and cdn.result in (1, 2)
    assert not pns.all("ICCN")
    call.hang_up()
    lines.all_free(pacd)


@pytest.mark.parametrize("which", ["pns", "line", "both"])
def test_lost_in_mid_call(office, start, phone, modems, pns_at, user_at, folder, which):
    """CALL-IN-09, -11: the end that is left is hung up, nothing is left behind, and the next call works."""
    server, home, _, caller = office
    pns = pns_at(home, HOME1)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    lines.wait_state(pacd, "idle")
    before = len(os.listdir(f"/proc/{pacd.main_pid()}/fd"))
    user = user_at(caller)
    call = ring(phone, m, user=user.argv)
    user.wait_up()
    user.host.reach(pns.local)
    if which in ("line", "both"):
        phone.loop.run(m.carrier_lost)
    if which in ("pns", "both"):
        pns.kill()
    if which == "line":
        assert pns.received("CDN").result == 1
        user.wait_end()
    lab.wait_for(lambda: call.state == "ended", "the modem is on hook")
    lines.all_free(pacd)
    if which != "line":
        lab.wait_for(lambda: not pacd.ctl("show", "connections"), "the connection is gone")
        lab.wait_for(lambda: len(os.listdir(f"/proc/{pacd.main_pid()}/fd")) == before, "no descriptor is left")
        pns = pns_at(home, HOME1)
    again = ring(phone, m)
    pns.received("ICCN", count=2 if which == "line" else 1)
    lab.wait_for(lambda: again.was_online, "the next call is answered")


def test_quiet_modem_is_hung_up(office, start, phone, modems, pns_at, folder):
    """A modem on a pty that says no NO CARRIER: the PNS's CCRQ still gets the line free, by escape and hang-up."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, ccrq_on="ICCN", **NO_FRAMES)
    (m,) = modems(1, quiet_end=True)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    assert pns.received("CDN").result == 4
    lab.wait_for(lambda: call.state == "ended", "the modem is on hook")
    lines.all_free(pacd)


def test_50_rings(office, start, phone, modems, pns_at, folder):
    """CALL-04: fifty ring at once, Maximum Channels is 30: thirty are answered, twenty hear the ringing tone; one ends,
    and its channel is free again."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, **NO_FRAMES)
    all_of_them = modems(50)
    pacd = start(server, max_channels="30", log='{ target = "stderr"; level = "info"; }',
                 **lines.settings(lines.tty_lines(folder, 50), pns={"offer_timeout": 60, "ring_timeout": 120}))
    lines.wait_state(pacd, "idle", count=50, deadline=180)
    calls = [ring(phone, m, interval=3.0) for m in all_of_them]
    pns.received("ICCN", count=30, deadline=180)
    lab.wait_for(lambda: sum(c.was_online for c in calls) == 30, lambda: f"30 online {[c.state for c in calls]}")
    rung = [c.rung for c in calls]
    lab.wait_for(lambda: all(c.was_online or c.rung > n + 1 for c, n in zip(calls, rung)), "the others ring on")
    assert sum(c.was_answered for c in calls) == 30
    assert len(pns.all("ICRQ")) == 30 and len({e.call_id for e in pns.all("ICRQ")}) == 30
    assert len({e.serial for e in pns.all("ICRQ")}) == 30
    assert len(pns.all("SCCRQ")) == 1, "one connection for all"
    assert pacd.status()["channels"] == 30
    for call in calls:
        call.hang_up()
    pns.received("CDN", count=30)
    lines.all_free(pacd, deadline=180)
    again = ring(phone, all_of_them[0])
    lab.wait_for(lambda: again.was_online, "there is room again")


def test_late_answer(office, start, phone, modems, pns_at, folder):
    """CALL-IN-12: the ICRP of a PNS that was too slow, behind the CDN that withdrew the call: no ICCN, no harm."""
    server, home1, home2, _ = office
    slow, quick = pns_at(home1, HOME1, icrp="never", **NO_FRAMES), pns_at(home2, HOME2, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), routes=(HOME1, HOME2), pns={"offer_timeout": 2}))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    icrq = slow.received("ICRQ")
    slow.received("CDN", call_id=icrq.call_id)
    slow.tell(f"icrp {icrq.conn} peer={icrq.call_id} call=9")
    quick.received("ICCN")
    slow.tell(f"icrp {icrq.conn} peer={icrq.call_id} call=9")
    slow.tell(f"echo {icrq.conn}")
    slow.received("EchoRP")
    assert not slow.all("ICCN") and len(slow.all("CDN")) == 1
    lab.wait_for(lambda: call.was_online, "the call is answered")
    assert len(pacd.sessions()) == 1


def test_odd_answers(office, start, phone, modems, pns_at, folder):
    """CALL-IN-12, -13: an ICRP for nobody and a second one change nothing; one whose id is taken gets a CDN 2/5."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, icrp_count=2, icrp_id=77, **NO_FRAMES)
    first, second = modems(2)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 2), pns={"offer_timeout": 5}))
    lines.wait_state(pacd, "idle", count=2)
    ring(phone, first)
    icrq = pns.received("ICRQ")
    pns.received("ICCN")
    pns.tell(f"icrp {icrq.conn} peer={icrq.call_id ^ 0x5555} call=78")
    pns.tell(f"icrp {icrq.conn} peer={icrq.call_id} call=79")
    pns.tell(f"echo {icrq.conn}")
    pns.received("EchoRP")
    assert len(pns.all("ICCN")) == 1 and not pns.all("CDN")
    ring(phone, second)
    other = pns.received("ICRQ", count=2)
    cdn = pns.received("CDN")
    assert (cdn.call_id, cdn.result, cdn.error) == (other.call_id, 2, 5)
    assert len(pacd.sessions()) == 1 and second.answered == 0


@pytest.mark.parametrize("winner", ["pns", "pac"])
def test_collision(net, office, start, phone, modems, pns_at, folder, winner):
    """COL-01 to -04: both open a connection at the same time: the one of the higher address bears the call."""
    server, home, _, _ = office
    if winner == "pac":
        server.ip("addr", "add", "192.0.2.200/24", "dev", "v0a")
    pac = "192.0.2.200" if winner == "pac" else "192.0.2.1"
    pns = pns_at(home, HOME1, collide=1, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), pns={"source": pac}))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    hit = pns.wait("collision")
    assert hit.win == (winner == "pns")
    icrq = pns.received("ICRQ")
    assert icrq.conn == (hit.ours if winner == "pns" else hit.theirs)
    lost = hit.theirs if winner == "pns" else hit.ours
    pns.wait("closed", conn=lost)
    assert not pns.events("in", conn=lost, type="SCCRP"), "nothing is said on the connection that has lost"
    lab.wait_for(lambda: call.was_online, "the call is answered")


def test_connection_of_the_pns(office, start, phone, modems, pns_at, folder):
    """A connection that a configured PNS has opened bears the call; one of anybody else does not, even if it is one of
    the same host's other addresses."""
    server, home, _, _ = office
    home.ip("addr", "add", "192.0.2.66/24", "dev", home.interfaces()[-1])
    pns = pns_at(home, HOME1, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    lines.wait_state(pacd, "idle")
    stranger = pns.connect("192.0.2.1", source="192.0.2.66")
    call = ring(phone, m)
    icrq = pns.received("ICRQ")
    assert icrq.conn != stranger
    lab.wait_for(lambda: call.was_online, "the call is answered")
    call.hang_up()
    lines.all_free(pacd)
    pns.tell(f"stop {icrq.conn}")
    pns.wait("closed", conn=icrq.conn)
    own = pns.connect("192.0.2.1", source=HOME1)
    ring(phone, m)
    assert pns.received("ICRQ", count=2).conn == own


def test_idle_connection(office, start, phone, modems, pns_at, folder):
    """What pacd has opened it closes when there has been no call on it for a while."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, icrp=3)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), pns={"idle": 2}))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    pns.received("ICRQ")
    assert pns.received("StopCCRQ").reason in (1, 3)
    pns.wait("closed", why="stopped")
    lab.wait_for(lambda: not pacd.ctl("show", "connections"), "the connection is gone")
    call.hang_up()


def test_wan_errors(office, start, phone, modems, pns_at, folder):
    """CALL-22, TIM-06: damaged frames of the user's are told to the PNS, once in an interval; good ones are carried."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, sli=0)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), wan_error_interval="30"))
    lines.wait_state(pacd, "idle")
    bad = r"\176\377\175\043\300\041\175\041\175\041\001\002\176"
    call = ring(phone, m, user=["sh", "-c", f"sleep 1; for i in 1 2 3 4 5; do printf '{bad}'; done; sleep 1000"])
    pns.received("ICCN")
    (icrp,) = pns.sent("ICRP")
    wen = pns.received("WEN")
    assert wen.peer_call_id == icrp.call_id and wen.crc >= 1
    lab.wait_for(lambda: pacd.sessions()[0]["tx_packets"] == 0, "no bad frame is carried")
    call.hang_up()
    pns.received("CDN")
    assert len(pns.all("WEN")) == 1


@pytest.mark.parametrize("how", ["garbage", "pieces", "slow", "deaf", "silent"])
def test_odd_modems(office, start, phone, modems, pns_at, folder, how):
    """Noise before answers, answers in pieces, slow ones, no caller id, no answer at all to the first two inits: the
    call works. A dead modem is out of service, and comes back by itself."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, **NO_FRAMES)
    (m,) = modems(1, **{"garbage": {"garbage": b"\xfe\x00\x80~}"}, "pieces": {"pieces": 0.02}, "slow": {"delay": 0.8},
                        "deaf": {}, "silent": {"silent": True}}[how])
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    if how == "silent":
        lines.wait_state(pacd, "failed")
        assert lines.shown(pacd, "m1").get("last_error")
        m.silent = False
    lines.wait_state(pacd, "idle")
    call = phone.call(m, calling="" if how == "deaf" else "5551234", called="" if how == "deaf" else None, interval=2.0)
    icrq = pns.received("ICRQ")
    assert icrq.dialing == ("" if how == "deaf" else "5551234")
    pns.received("ICCN")
    lab.wait_for(lambda: call.was_online, "the call is answered")
    call.hang_up()
    assert pns.received("CDN").result == 1
    lines.all_free(pacd)


def test_busy_out(office, start, phone, modems, pns_at, folder):
    """pacctl line NAME busy-out, enable; drain: no ring is offered meanwhile."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, **NO_FRAMES)
    m, other = modems(2)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 2)))
    lines.wait_state(pacd, "idle", count=2)
    assert pacd.pacctl("line", "m1", "busy-out").returncode == 0
    assert lines.shown(pacd, "m1")["state"] == "busied-out"
    call, through = ring(phone, m), ring(phone, other)
    pns.received("ICCN")
    lab.wait_for(lambda: through.was_online and call.rung > 2, "only the other one is answered")
    assert len(pns.all("ICRQ")) == 1 and not call.was_answered
    call.hang_up()
    assert pacd.pacctl("line", "m1", "enable").returncode == 0
    lab.wait_for(lambda: lines.shown(pacd, "m1")["state"] == "idle", "it is back")
    again = ring(phone, m)
    lab.wait_for(lambda: again.was_online, "it is answered again")
    assert pacd.pacctl("line", "nobody", "enable", check=False).returncode != 0


def test_reload_keeps_calls(office, start, phone, modems, pns_at, folder):
    """A reload touches no line that bears a call; what is new in the file is opened."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, **NO_FRAMES)
    m, new = modems(2)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1)))
    lines.wait_state(pacd, "idle")
    call = ring(phone, m)
    pns.received("ICCN")
    pacd.configure(**lines.settings(lines.tty_lines(folder, 2, window=8)))
    assert pacd.pacctl("reload").returncode == 0
    lab.wait_for(lambda: lines.shown(pacd, "m2")["state"] == "idle", "the new line is there")
    assert call.state == "online" and len(pacd.sessions()) == 1
    second = ring(phone, new)
    assert pns.received("ICCN", count=2).window == 8
    assert isinstance(second, modem.Call)
    call.hang_up()
    lab.wait_for(lambda: lines.shown(pacd, "m1")["state"] == "idle", "the old line is opened anew")
