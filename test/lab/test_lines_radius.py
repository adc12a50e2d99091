"""Compulsory tunnels: FreeRADIUS says which PNS a caller's call goes to, and accounts for it.

RAD-10, -40 to -46, -70 to -73, RFC 2867.
"""

import lab
import lines
import pytest
import radius
from lines import HOME1, HOME2

pytest_plugins = ("lines_fixtures",)

NO_FRAMES = {"pppd": 0}
TUNNELS = f"""
5551234	Auth-Type := Accept
	Service-Type = Framed-User,
	Framed-Protocol = PPP,
	Class = "gold",
	Tunnel-Type:1 = PPTP, Tunnel-Medium-Type:1 = IPv4, Tunnel-Server-Endpoint:1 = "{HOME2}", Tunnel-Preference:1 = 20,
	Tunnel-Assignment-Id:1 = "spare",
	Tunnel-Type:2 = PPTP, Tunnel-Medium-Type:2 = IPv4, Tunnel-Server-Endpoint:2 = "{HOME1}", Tunnel-Preference:2 = 10,
	Tunnel-Client-Auth-Id:2 = "lac-of-the-lab", Tunnel-Private-Group-Id:2 = "customer-7",
	Tunnel-Assignment-Id:2 = "first"

5550666	Auth-Type := Reject

5550777	Auth-Type := Accept
	Tunnel-Type:1 = L2TP, Tunnel-Medium-Type:1 = IPv4, Tunnel-Server-Endpoint:1 = "{HOME1}"

5550888	Auth-Type := Accept
	Tunnel-Type:1 = PPTP, Tunnel-Medium-Type:1 = IPv4, Tunnel-Server-Endpoint:1 = "home1.lab.invalid"

"""


@pytest.fixture
def tunnels(office, net, radius_host, radius_server, freeradius):
    """FreeRADIUS with those callers, on a cable to pacd's host."""
    server = office[0]
    _, dev = net.cable(server, "10.20.0.1/24", radius_host, "10.20.0.11/24")
    server.reach("10.20.0.11")
    users = radius_server.folder / "mods-config/pacd/users"
    before = users.read_text()
    users.write_text(TUNNELS + before)
    radius_server.kill()
    radius_server.start()
    yield freeradius
    users.write_text(before)
    radius_server.kill()
    radius_server.start()
    radius_host.ip("link", "del", dev)


def settings(folder, freeradius, acct="tunnel = true;", **more):
    found = radius.settings(folder, freeradius, acct=acct, precheck='"lines"')
    return {**found, **lines.settings(lines.tty_lines(folder, 1), routes=(), **more)}


def kinds(records):
    return [r.kind for r in records]


ORDER = ["Tunnel-Start", "Tunnel-Link-Start", "Start", "Stop", "Tunnel-Link-Stop", "Tunnel-Stop"]


@pytest.mark.parametrize("end", ["caller", "pns", "lost", "admin"])
def test_compulsory(office, tunnels, start, phone, modems, pns_at, user_at, folder, end):
    """RAD-46: ring, Call-Check, the tunnel of the lowest preference, ICRQ, answer; RAD-60 to -62 and RAD-70 to -73: six
    records in order, with the cause of each kind of end."""
    pns = pns_at(office[1], HOME1)
    (m,) = modems(1)
    pacd = start(office[0], **settings(folder, tunnels, pns={"idle": 1}))
    lines.wait_state(pacd, "idle")
    user = user_at(office[3])
    call = phone.call(m, calling="5551234", user=user.argv, speed=31200)
    user.wait_up()
    lines.both_ways(user, pns)
    (check,) = tunnels.requests(User_Name="5551234")
    assert check["Service-Type"] == "Call-Check"
    assert (check["Calling-Station-Id"], check["Called-Station-Id"]) == ("5551234", m.number)
    assert check["NAS-Port-Type"] == "Async" and check["NAS-Port-Id"] == "m1"
    (sccrq,) = pns.all("SCCRQ")
    assert sccrq.host == "lac-of-the-lab"

    (session,) = pacd.sessions()
    if end == "caller":
        call.hang_up()
    elif end == "pns":
        (icrp,) = pns.sent("ICRP")
        pns.tell(f"ccrq {icrp.conn} call={icrp.call_id}")
    elif end == "lost":
        pns.kill()
    else:
        pacd.pacctl("disconnect", str(session["id"]))
    lines.all_free(pacd)
    tunnels.wait_records(Acct_Status_Type="Tunnel-Stop")
    records = [r for r in tunnels.records() if r.kind in ORDER]
    cause = {"caller": "Lost-Carrier", "pns": "Host-Request", "lost": "Lost-Service", "admin": "Admin-Reset"}[end]
    assert sorted(kinds(records)) == sorted(ORDER), kinds(records)
    by = {r.kind: r for r in records}
    of_call = ["Tunnel-Link-Start", "Start", "Stop", "Tunnel-Link-Stop"]
    assert [k for k in kinds(records) if k in of_call] == of_call
    assert kinds(records)[0] == "Tunnel-Start" and kinds(records)[-1] == "Tunnel-Stop"
    (icrq,) = pns.all("ICRQ")
    for kind in of_call:
        record = by[kind]
        assert record["Acct-Session-Id"] == session["session_id"], kind
        assert record["Acct-Tunnel-Connection"] == str(icrq.serial), kind
        assert record["Tunnel-Private-Group-Id:0"] == "customer-7", record.pairs
        assert record["Tunnel-Assignment-Id:0"] == "first", record.pairs
    for record in records:
        assert record["Tunnel-Type:0"] == "PPTP" and record["Tunnel-Medium-Type:0"] == "IPv4", record.pairs
        assert record["Tunnel-Server-Endpoint:0"] == HOME1, record.pairs
        assert record["Tunnel-Client-Endpoint:0"] == "192.0.2.1", record.pairs
        assert len({name for name, _ in record.pairs if name.startswith("Tunnel-")}) == len(
            [name for name, _ in record.pairs if name.startswith("Tunnel-")]), "each once"
    assert by["Start"]["Class"] == by["Stop"]["Class"]
    assert by["Stop"]["Acct-Terminate-Cause"] == cause and by["Tunnel-Link-Stop"]["Acct-Terminate-Cause"] == cause
    assert by["Stop"]["Connect-Info"].startswith("31200")
    assert by["Stop"].octets("Input") > 2500 and by["Stop"].octets("Output") > 2500, "pings of both ends"
    assert "Acct-Tunnel-Packets-Lost" in by["Tunnel-Link-Stop"]
    assert "Framed-IP-Address" not in by["Stop"]


def test_failover_by_preference(office, tunnels, start, phone, modems, pns_at, folder):
    """RAD-41: the first tunnel's PNS refuses: the next one takes it; RAD-70: a Tunnel-Link-Reject, and a Tunnel-Reject
    where it was the SCCRP."""
    first, second = pns_at(office[1], HOME1, icrp=3, **NO_FRAMES), pns_at(office[2], HOME2, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(office[0], **settings(folder, tunnels, pns={"idle": 1}))
    lines.wait_state(pacd, "idle")
    call = phone.call(m, calling="5551234")
    first.received("ICRQ")
    second.received("ICCN")
    tunnels.wait_records(Acct_Status_Type="Tunnel-Link-Reject")
    (begin,) = tunnels.wait_records(Acct_Status_Type="Tunnel-Link-Start")
    assert begin["Tunnel-Server-Endpoint:0"] == HOME2
    call.hang_up()
    lines.all_free(pacd)
    first.wait("closed")
    first.set(icrp=1, sccrp=4)
    again = phone.call(m, calling="5551234")
    second.received("ICCN", count=2)
    lab.wait_for(lambda: again.was_online, "the second one takes it")
    assert len(first.sent("SCCRP")) == 2
    tunnels.wait_records(Acct_Status_Type="Tunnel-Reject")
    again.hang_up()
    lines.all_free(pacd)


@pytest.mark.parametrize("calling", ["5550666", "5550777", "5550888", "5550999"])
def test_not_let_in(office, tunnels, start, phone, modems, pns_at, folder, calling):
    """RAD-40, -42: rejected; no tunnel that pacd can make; a name that nobody knows; no tunnel and no route at all:
    nobody answers, nobody is accounted for."""
    pns = pns_at(office[1], HOME1, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(office[0], **settings(folder, tunnels, pns={"offer_timeout": 5}))
    lines.wait_state(pacd, "idle")
    call = phone.call(m, calling=calling)
    lab.wait_for(lambda: tunnels.requests(User_Name=calling), "RADIUS is asked")
    rung = call.rung
    lab.wait_for(lambda: call.rung > rung + 8, "it rings on")
    assert m.answered == 0 and not pns.all("ICRQ")
    call.hang_up()
    lines.all_free(pacd)
    assert len(tunnels.requests(User_Name=calling)) == 1, "asked once a ring"
    assert not [k for k in kinds(tunnels.records()) if k in ("Start", "Tunnel-Link-Start")]


def test_static_route_after_radius(office, tunnels, start, phone, modems, pns_at, folder):
    """An Accept without a tunnel leaves it to the routes of the configuration."""
    pns = pns_at(office[1], HOME1, **NO_FRAMES)
    (m,) = modems(1)
    pacd = start(office[0], **{**settings(folder, tunnels),
                               "routes": lines.lines(lines.group(called="55501*", pns=[HOME1]))})
    lines.wait_state(pacd, "idle")
    call = phone.call(m, calling="5550999")
    pns.received("ICCN")
    lab.wait_for(lambda: call.was_online, "it is answered")
