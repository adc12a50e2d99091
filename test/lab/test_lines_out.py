"""Outgoing calls to a line: a PNS dials out through pacd's modems (CALL-OUT-01 to -08, -16, MSG-13, -17, TIM-05)."""

import lab
import lines
import pytest
from lines import HOME1, HOME2
from modem import Answer

pytest_plugins = ("lines_fixtures",)

NO_FRAMES = {"pppd": 0}
PLAN = (lines.group(match="9*", group="default", strip=1, **{"from": [HOME1]}),
        lines.group(match="00*", group="default", prefix="0,", strip=2, **{"from": [HOME1]}))


@pytest.fixture
def dialout(office, start, modems, pns_at, folder):
    """dialout(n, ...): pacd with n modems and that dial plan, a PNS, its connection to pacd, the modems."""
    def make(n=1, line=None, pns=NO_FRAMES, **more):
        made = modems(n)
        pacd = start(office[0], **lines.settings(lines.tty_lines(folder, n, **(line or {})), dialplan=PLAN, **more))
        lines.wait_state(pacd, "idle", count=n)
        home = pns_at(office[1], **pns)
        return pacd, home, home.connect("192.0.2.1"), made

    return make


def dial(pns, conn, call, number, **more):
    words = " ".join(f"{k}={v}" for k, v in more.items())
    pns.tell(f"ocrq {conn} call={call} number={number} {words}")


def test_dial_out(office, dialout, phone, user_at):
    """CALL-OUT-02, -03, -07, -12, -16: a modem dials, the OCRP has the real speed and the channel; frames both ways
    with MPPE; the PNS clears the call."""
    user = user_at(office[3], auth="mschapv2")
    phone.numbers["5559876"] = Answer(user=user.argv, speed=28800, connect="28800/ARQ/V34")
    pacd, pns, conn, (m,) = dialout(pns={"auth": "mschapv2"})
    dial(pns, conn, 11, "95559876", bearer=1, framing=1)
    ocrp = pns.received("OCRP")
    assert m.dialled == ["5559876"]
    assert (ocrp.result, ocrp.error, ocrp.cause, ocrp.peer_call_id) == (1, 0, 0, 11) and ocrp.call_id != 0
    assert (ocrp.speed, ocrp.window) == (28800, 4)
    user.wait_up()
    lines.both_ways(user, pns)
    assert pns.wait("out", type="SLI").peer_call_id == ocrp.call_id
    shown = lines.shown(pacd, "m1")
    assert (shown["state"], shown["channel"], shown["speed_bps"]) == ("online", ocrp.channel, 28800)
    (session,) = pacd.sessions()
    assert session["direction"] == "out" and session["line"] == "m1"
    pns.tell(f"ccrq {conn} call=11")
    cdn = pns.received("CDN")
    assert (cdn.call_id, cdn.result, cdn.error) == (ocrp.call_id, 4, 0)
    user.wait_end()
    lines.all_free(pacd)


RESULTS = {"no-carrier": 3, "busy": 4, "no-dialtone": 5, "no-answer": 6, "silence": 6, "connect": 1}


def test_results(dialout, phone):
    """CALL-OUT-04, -05: what the modem says, or does not, becomes the OCRP's result; after each the line is free."""
    pacd, pns, conn, (m,) = dialout(line={"dial_timeout": 4})
    for call, (kind, result) in enumerate(RESULTS.items(), 1):
        phone.numbers[str(call)] = Answer(kind, speed=33600)
        dial(pns, conn, call, f"9{call}")
        ocrp = pns.received("OCRP", peer_call_id=call)
        assert (ocrp.result, ocrp.error) == (result, 0), (kind, ocrp.text)
        assert m.dialled[-1] == str(call)
        if result == 1:
            assert (ocrp.speed, ocrp.call_id != 0) == (33600, True)
            phone.loop.run(m.carrier_lost)
            assert pns.received("CDN").result == 1
        else:
            assert ocrp.call_id == 0
        lines.all_free(pacd)
    shown = lines.shown(pacd, "m1")
    assert (shown["no_carrier"], shown["busy"], shown["no_dialtone"], shown["no_answer"], shown["timeouts"]) == (
        1, 1, 1, 1, 1)
    assert shown["dialled"] == len(RESULTS) and shown["connected"] == 1


def test_refused(office, dialout, phone, pns_at):
    """CALL-OUT-01: no free line: 2/4; a number that nothing may dial: never dialled; a PNS that may not: neither."""
    phone.numbers["*"] = Answer()
    pacd, pns, conn, (m, other) = dialout(n=2, line={"bearer": "analog"})
    dial(pns, conn, 1, "91")
    dial(pns, conn, 2, "0049891")
    assert pns.received("OCRP", peer_call_id=1).result == pns.received("OCRP", peer_call_id=2).result == 1
    assert sorted(m.dialled + other.dialled) == ["0,49891", "1"]
    dial(pns, conn, 3, "93")
    ocrp = pns.received("OCRP", peer_call_id=3)
    assert (ocrp.result, ocrp.error, ocrp.call_id) == (2, 4, 0)
    pns.tell(f"ccrq {conn} call=1")
    pns.received("CDN")
    lines.wait_state(pacd, "idle")
    for call, number in ((4, "9"), (5, "9;ATH"), (6, "9" + "1" * 63 + "x")):
        dial(pns, conn, call, number)
        assert pns.received("OCRP", peer_call_id=call).result != 1, number
    dial(pns, conn, 7, "91", bearer=2)
    ocrp = pns.received("OCRP", peer_call_id=7)
    assert ocrp.result != 1
    stranger = pns_at(office[2], **NO_FRAMES)
    theirs = stranger.connect("192.0.3.1", source=HOME2)
    dialled = len(m.dialled + other.dialled)
    dial(stranger, theirs, 8, "91")
    stranger.received("OCRP", peer_call_id=8)
    assert len(m.dialled + other.dialled) == dialled == 2, "only the local pppd may have taken that one"


@pytest.mark.parametrize("when", ["at-once", "dialling", "online"])
def test_ccrq(dialout, phone, when):
    """CALL-OUT-06, -07: a CCRQ while it is dialled stops the modem: CDN 4, no OCRP; the line can be dialled again."""
    phone.numbers["1"] = Answer("silence") if when != "online" else Answer()
    phone.numbers["2"] = Answer()
    pacd, pns, conn, (m,) = dialout(pns={"pppd": 0, "ccrq_on": "OCRQ" if when == "at-once" else 0})
    dial(pns, conn, 1, "91")
    if when == "dialling":
        lab.wait_for(lambda: m.state == "dialling", "the modem dials")
    if when == "online":
        pns.received("OCRP")
    if when != "at-once":
        pns.tell(f"ccrq {conn} call=1")
    cdn = pns.received("CDN")
    assert (cdn.result, cdn.error) == (4, 0)
    assert bool(pns.all("OCRP")) == (when == "online")
    lines.all_free(pacd)
    lab.wait_for(lambda: m.state == "command", "the modem is on hook")
    pns.set(ccrq_on=0)
    dial(pns, conn, 2, "92")
    assert pns.received("OCRP", peer_call_id=2).result == 1
    pns.tell(f"ccrq {conn} call=1")
    pns.tell(f"echo {conn}")
    pns.received("EchoRP")
    assert len(pns.all("CDN")) == 1, "that call is long gone"


def test_pns_lost_while_dialling(dialout, phone):
    """CALL-OUT-10: the modem stops."""
    phone.numbers["1"] = Answer("silence")
    pacd, pns, conn, (m,) = dialout()
    dial(pns, conn, 1, "91")
    lab.wait_for(lambda: m.state == "dialling", "the modem dials")
    pns.tell(f"reset {conn}")
    lab.wait_for(lambda: m.state == "command", "the modem is on hook")
    lines.all_free(pacd)


def test_longer_than_a_minute(dialout, phone):
    """TIM-05: dialling may take longer than a minute, with no Echo-Request in between, and harms no other call."""
    phone.numbers.update({"1": Answer(after=65), "2": Answer()})
    pacd, pns, conn, modems = dialout(n=2, timers="{ echo_idle = 10; echo_reply = 20; }",
                                      line={"dial_timeout": 90})
    dial(pns, conn, 1, "91")
    dial(pns, conn, 2, "92")
    assert pns.received("OCRP", peer_call_id=2).result == 1
    mark = pns.mark()
    ocrp = pns.received("OCRP", deadline=120, peer_call_id=1)
    assert (ocrp.result, ocrp.error) == (1, 0)
    assert not pns.all("EchoRQ", after=mark), "not while an OCRQ waits"
    assert len(pacd.sessions()) == 2 and [m.state for m in modems] == ["online"] * 2


def test_ring_or_dial(dialout, phone):
    """A line that rings is not free to be dialled, and goes on ringing."""
    phone.numbers["1"] = Answer(after=1)
    pacd, pns, conn, (m,) = dialout(pns={"icrp": "never", **NO_FRAMES})
    call = phone.call(m, calling="5551234")
    lines.wait_state(pacd, "ringing")
    dial(pns, conn, 1, "91")
    ocrp = pns.received("OCRP")
    assert (ocrp.result, ocrp.error) in ((2, 4), (4, 0)), ocrp.text
    assert not m.dialled and not call.was_answered
    call.hang_up()
    lines.all_free(pacd)
