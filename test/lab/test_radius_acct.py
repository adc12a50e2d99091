"""Accounting by FreeRADIUS: exact counters, causes, and no record lost, whoever is down (RAD-60 to -67)."""

import os
import signal

import lab
import radius
from test_auth import ALL, ONLY

CAUSES = {"stays": "Admin-Reboot", "terminates": "User-Request", "is-lost": "Lost-Carrier", "is-reset": "Admin-Reset"}


def ppp(folder, *servers, acct="", **more):
    return {"ppp.auth": ALL, "ppp.mppe": '"allow"', **radius.settings(folder, *servers, acct=acct, **more)}


def classy(dial, client, **kw):
    """A session of a user with two Class attributes."""
    kw.setdefault("server", "192.0.2.1")
    return dial(client, kw.pop("server"), user="classy", password=radius.PASSWORD, options=ONLY["pap"], **kw)


def session_of(pacd, caller):
    return next(s for s in pacd.sessions() if s["address"] == caller.address())


def waiting(pacd):
    return pacd.ctl("show", "accounting")["waiting"]


def statistics(caller):
    """What the client's pppd has counted: sent, received."""
    (line,) = [line for line in caller.log().splitlines() if line.startswith("Sent ")]
    words = line.split()
    return int(words[1]), int(words[4])


def test_life(net, isp, freeradius, start, dial, folder):
    """Start, Interim and Stop of four sessions that end in four ways, Accounting-On and -Off around them.

    RAD-04, -60 to -63, -66; the server says how often an Interim comes; counters against those of the client's own
    pppd; every Class in every record.
    """
    server, client = isp
    elsewhere = net.host("cli2")
    net.cable(server, "192.0.3.1/24", elsewhere, "192.0.3.2/24")
    pacd = start(server, **ppp(folder, freeradius, acct="interim = 0;"))
    freeradius.wait_records(Acct_Status_Type="Accounting-On")
    callers = {name: classy(dial, client, wait=False) for name in ("stays", "terminates", "is-reset")}
    callers["is-lost"] = classy(dial, elsewhere, server="192.0.3.1", wait=False)
    for caller in callers.values():
        caller.wait_up()
        caller.reach()
    ids = {name: session_of(pacd, caller)["session_id"] for name, caller in callers.items()}
    assert len(set(ids.values())) == 4
    for name in callers:
        (request,) = freeradius.requests(Acct_Session_Id=ids[name])
        (begin,) = freeradius.wait_records(Acct_Session_Id=ids[name], Acct_Status_Type="Start")
        assert begin["Framed-IP-Address"] == callers[name].address()
        assert begin["Acct-Authentic"] == "RADIUS" and "Acct-Terminate-Cause" not in begin
        for key in ("NAS-Port", "NAS-Port-Id", "Calling-Station-Id", "Acct-Tunnel-Connection", "Connect-Info"):
            assert request[key] == begin[key], key

    up, down = 200_000, 60_000
    caller = callers["terminates"]
    client.ip("route", "replace", "10.99.0.1", "dev", caller.ifname, "src", caller.address())
    lab.transfer(client, server, "10.99.0.1", up)
    lab.transfer(server, client, caller.address(), down)
    caller.stop()
    pacd.pacctl("disconnect", str(session_of(pacd, callers["is-reset"])["id"]))
    for pid in lab.run("ip", "netns", "pids", elsewhere.name).stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    for name in ("terminates", "is-reset", "is-lost"):
        (end,) = freeradius.wait_records(Acct_Session_Id=ids[name], Acct_Status_Type="Stop")
        assert end["Acct-Terminate-Cause"] == CAUSES[name], name

    (end,) = freeradius.records(Acct_Session_Id=ids["terminates"], Acct_Status_Type="Stop")
    sent, received = statistics(caller)
    assert up < end.octets("Input") < up * 1.2 and down < end.octets("Output") < down * 1.6, end.pairs
    assert abs(end.octets("Input") - sent) <= 200 and abs(end.octets("Output") - received) <= 200, (
        sent, received, end.pairs)
    assert int(end["Acct-Input-Packets"]) > 100 and int(end["Acct-Output-Packets"]) > 100

    (interim,) = freeradius.wait_records(Acct_Session_Id=ids["stays"], Acct_Status_Type="Interim-Update", deadline=90)
    assert "Acct-Terminate-Cause" not in interim and 54 <= int(interim["Acct-Session-Time"]) <= 72
    assert pacd.stop() == 0
    (end,) = freeradius.wait_records(Acct_Session_Id=ids["stays"], Acct_Status_Type="Stop")
    assert end["Acct-Terminate-Cause"] == CAUSES["stays"]
    assert end.octets("Input") >= interim.octets("Input") > 0
    freeradius.wait_records(Acct_Status_Type="Accounting-Off")

    records = freeradius.records()
    assert records[0].kind == "Accounting-On" and records[-1].kind == "Accounting-Off"
    assert len(records) == 2 + 4 * 2 + 1, [(r.kind, r["Acct-Session-Id"]) for r in records]
    for record in records[1:-1]:
        assert record.list("Class") == begin.list("Class") and len(record.list("Class")) == 2
    for record in records:
        assert record["NAS-Identifier"] == "lab" and record["Event-Timestamp"]


def test_crash(isp, freeradius, start, dial, folder):
    """kill -9, of main alone and of all: the session is closed by the next pacd (cause 11), whose On comes first of
    all new records; nothing of it is lost."""
    server, client = isp
    pacd = start(server, **ppp(folder, freeradius))
    for turn, kill in enumerate((lambda: os.kill(pacd.main_pid(), signal.SIGKILL), pacd.kill)):
        caller = classy(dial, client)
        sid = session_of(pacd, caller)["session_id"]
        freeradius.wait_records(Acct_Session_Id=sid, Acct_Status_Type="Start")
        lab.wait_for(lambda: waiting(pacd) == 0, "all is acknowledged")
        kill()
        pacd.process.wait(60)
        caller.stop()
        pacd.log_file.unlink()
        pacd.start()
        (end,) = freeradius.wait_records(Acct_Session_Id=sid, Acct_Status_Type="Stop")
        assert end["Acct-Terminate-Cause"] == "NAS-Reboot"
        assert len(end.list("Class")) == 2 and end["User-Name"] == "classy"
        freeradius.wait_records(Acct_Status_Type="Accounting-On", count=turn + 2)
    lab.wait_for(lambda: waiting(pacd) == 0, "all is acknowledged")
    # What was acknowledged in the last moments may come once more: the same event, which a billing system can tell.
    events = {(r["Acct-Session-Id"], r.kind, r["Event-Timestamp"]) for r in freeradius.records()}
    assert sorted(kind for _, kind, _ in events) == ["Accounting-On"] * 3 + ["Start"] * 2 + ["Stop"] * 2
    for sid in {sid for sid, kind, _ in events if kind == "Start"}:
        kinds = [r.kind for r in freeradius.records(Acct_Session_Id=sid)]
        assert kinds[0] == "Start" and kinds[-1] == "Stop"


def test_server_away(isp, freeradius, start, dial, folder):
    """No server for the end of one session, for the whole life of another (let in by the users file), for a restart
    of pacd and for the beginning of a third: each record comes, in order, with the delay it had."""
    server, client = isp
    pacd = start(server, **{**ppp(folder, freeradius), "aaa.method": '"radius,local"'})
    first = classy(dial, client)
    ids = [session_of(pacd, first)["session_id"]]
    freeradius.wait_records(Acct_Session_Id=ids[0], Acct_Status_Type="Start")

    freeradius.kill()
    pacd.pacctl("disconnect", "user", "classy")
    first.wait_end()
    second = dial(client, "192.0.2.1", options=ONLY["pap"])
    second.reach()
    ids.append(session_of(pacd, second)["session_id"])
    assert pacd.logged("login", user='"alice"', by="local")
    second.stop()
    lab.wait_for(lambda: not pacd.sessions() and waiting(pacd) == 3, "a Stop, a Start, a Stop")
    assert pacd.ctl("show", "accounting")["on_disk"]
    assert pacd.stop() == 0
    pacd.log_file.unlink()
    pacd.start()
    third = dial(client, "192.0.2.1", options=ONLY["pap"])
    ids.append(session_of(pacd, third)["session_id"])
    lab.wait_for(lambda: waiting(pacd) >= 5, lambda: f"these, an On, a Start {pacd.ctl('show', 'accounting')}")

    freeradius.start()
    freeradius.wait_records(Acct_Session_Id=ids[2], Acct_Status_Type="Start", deadline=120)
    lab.wait_for(lambda: waiting(pacd) == 0, lambda: f"all is delivered {pacd.ctl('show', 'accounting')}", 120)
    records = freeradius.records()
    by_id = [[r.kind for r in records if r["Acct-Session-Id"] == sid] for sid in ids]
    assert by_id == [["Start", "Stop"], ["Start", "Stop"], ["Start"]]
    (stop_record,) = freeradius.records(Acct_Session_Id=ids[0], Acct_Status_Type="Stop")
    assert int(stop_record["Acct-Delay-Time"]) > 0 and stop_record["Acct-Terminate-Cause"] == "Admin-Reset"
    (start_record,) = freeradius.records(Acct_Session_Id=ids[1], Acct_Status_Type="Start")
    assert int(start_record["Acct-Delay-Time"]) > 0 and start_record["Acct-Authentic"] == "Local"
    # The new pacd's On says all that the old one's Off would have, and closes no session that is younger.
    kinds = [r.kind for r in records if r.get("User-Name") != "classy"]
    assert kinds == ["Accounting-On", "Start", "Stop", "Accounting-On", "Start"]
    third.stop()
    freeradius.wait_records(Acct_Session_Id=ids[2], Acct_Status_Type="Stop")
