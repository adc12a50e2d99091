"""Logins by FreeRADIUS: the set-up as it is shipped, every method, every attribute of an Access-Accept.

RAD-01 to -06, -20 to -31, section 4 of the ledger.
"""

import json
import pathlib
import re

import lab
import pytest
import radius
from test_auth import ALL, ONLY, quiet

POOLS = """( { name = "main"; local = "10.99.0.1"; ranges = [ "10.99.0.10-250" ]; },
             { name = "narrow"; local = "10.97.0.1"; ranges = [ "10.97.0.10-11" ]; } )"""
SCRIPT = """#!/bin/sh
env >{folder}/$PACD_USER.part
mv {folder}/$PACD_USER.part {folder}/$PACD_USER
"""


@pytest.fixture
def ip_up(folder):
    """ip_up(user): the environment of the ip-up script of that user's session."""
    path = pathlib.Path("/etc/ppp/ip-up.d/0pacd-test")
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = folder / "ip-up"
    kept.mkdir()
    path.write_text(SCRIPT.format(folder=kept))
    path.chmod(0o755)

    def told(user):
        lab.wait_for((kept / user).exists, f"ip-up of {user} has run")
        return dict(line.split("=", 1) for line in (kept / user).read_text().splitlines() if "=" in line)

    yield told
    path.unlink()


def callers_of(dial, client, users, **kw):
    kw.setdefault("options", ONLY["pap"])
    return {user: dial(client, "192.0.2.1", wait=False, user=user, password=radius.PASSWORD, **kw) for user in users}


# --- conf/freeradius ---


def step_7(folder, freeradius):
    """What the README tells the operator of pacd to write, with step 9, which is a part of the same group."""
    (folder / "radius.secret").write_text(freeradius.secret + "\n")
    (folder / "das.secret").write_text(radius.DAS_SECRET + "\n")
    for name in ("radius.secret", "das.secret"):
        (folder / name).chmod(0o600)
    text = radius.group("radius")[:-1] + f"das = {radius.group('das')}; }}"
    return {"aaa.method": '"radius"', "radius": text.replace("/etc/pacd", str(folder)),
            "pools": '( { name = "default"; local = "192.168.238.1"; ranges = [ "192.168.238.0/24" ];'
                     ' reserved = [ "192.168.238.1" ]; } )'}


def test_as_shipped(isp, freeradius, start, dial, folder):
    """The README's steps, one after the other, give what it says: radtest, pacctl, calls, records, a Disconnect."""
    server, client = isp
    said = freeradius.follow(5)
    assert said.rstrip().endswith("Configuration appears to be OK")
    said = freeradius.follow(6)
    assert "Received Access-Accept" in said
    assert "Framed-IP-Address = 192.168.238.20" in said and "MS-CHAP-MPPE-Keys" in said
    pacd = start(server, **step_7(folder, freeradius))
    assert pacd.pacctl("show", "radius").stdout
    tested = server.run(lab.PACCTL, "--socket", pacd.socket, "test", "radius", "alice",
                        input=freeradius.password("alice") + "\n")
    assert "Framed-IP-Address" in tested.stdout and "192.168.238.20" in tested.stdout, tested.stdout
    tested = server.run(lab.PACCTL, "--socket", pacd.socket, "--json", "test", "radius", "alice", input="wrong\n",
                        check=False)
    assert tested.returncode == 5 and json.loads(tested.stdout), tested.stdout
    assert radius.servers(pacd)["10.20.0.11"]["state"] == "up"

    callers = {user: dial(client, "192.0.2.1", wait=False, user=name, password=freeradius.password(user),
                          options=lab.MPPE)
               for user, name in (("alice", "OFFICE\\alice"), ("bob", "bob"), ("branch", "branch"))}
    for caller in callers.values():
        caller.wait_up()
        caller.reach("192.168.238.1")
    assert callers["alice"].address() == "192.168.238.20"
    assert callers["branch"].address() == "192.168.238.30"
    routes = server.ip("route", "show").stdout
    assert re.search(r"10\.30\.0\.0/16 dev ppp\d", routes) and re.search(r"10\.31\.5\.0/24 dev ppp\d", routes)
    freeradius.wait_records(Acct_Status_Type="Start", count=3)
    (start_record,) = freeradius.records(Acct_Status_Type="Start", User_Name="bob")
    assert start_record["Class"] in ("staff", "0x" + b"staff".hex())

    said = freeradius.follow(9, cwd=folder)
    assert "Received Disconnect-ACK" in said
    callers["bob"].wait_end()
    freeradius.wait_records(Acct_Status_Type="Stop", User_Name="bob", Acct_Terminate_Cause="Admin-Reset")
    said = freeradius.follow(9, cwd=folder, check=False)
    assert "Disconnect-NAK" in said and "Session-Context-Not-Found" in said
    for user in ("alice", "branch"):
        callers[user].stop()
    quiet(pacd)
    assert "10.30.0.0" not in server.ip("route", "show").stdout

    freeradius.kill()
    assert freeradius.follow(8).rstrip().endswith("Configuration appears to be OK")
    freeradius.start()
    dave = [dial(client, "192.0.2.1", wait=False, user="dave", password=freeradius.password("dave"), options=lab.MPPE)
            for _ in range(2)]
    addresses = {caller.wait_up().address() for caller in dave}
    assert len(addresses) == 2
    assert all(address.startswith("192.168.239.") for address in addresses)


# --- who gets in ---


def test_methods(isp, freeradius, start, dial, folder):
    """RAD-20 to -24, -27 to -29: PAP, CHAP, MS-CHAP and MS-CHAPv2; MPPE with keys from RADIUS; a wrong password, and
    what the server says of it, reach the user."""
    server, client = isp
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"', **radius.settings(folder, freeradius))
    options = {method: words + (lab.MPPE if method.startswith("ms") else ()) for method, words in ONLY.items()}
    good = {m: dial(client, "192.0.2.1", wait=False, user="plain", password=radius.PASSWORD, options=options[m])
            for m in ONLY}
    bad = {m: dial(client, "192.0.2.1", wait=False, user="plain", password="wrong", options=options[m]) for m in ONLY}
    closed = callers_of(dial, client, ["closed"])["closed"]
    for method, caller in good.items():
        caller.wait_up()
        caller.reach()
        assert pacd.logged("login", method=method, user='"plain"', by="10.20.0.11:1812"), method
    for method, caller in bad.items():
        caller.wait_end()
        assert not caller.up()
        assert pacd.logged("login-failed", method=method, user='"plain"'), method
    assert "E=691 R=0" in bad["mschapv2"].log() and "E=691 R=0" in bad["mschap"].log()
    closed.wait_end()
    assert "The account is closed" in closed.log()
    lab.wait_for(lambda: len(pacd.sessions()) == 4, "the refused ones are gone")
    assert {s["auth"]: s["mppe_bits"] for s in pacd.sessions()} == {"pap": 0, "chap": 0, "mschap": 128, "mschapv2": 128}
    assert {s["authentic"] for s in pacd.sessions()} == {"radius"}
    for secret in (radius.PASSWORD, freeradius.secret):
        assert secret not in pacd.log()

    (request,) = freeradius.requests(User_Name="closed")  # RAD-01 to -06
    wanted = {"Service-Type": "Framed-User", "Framed-Protocol": "PPP", "NAS-Identifier": "lab",
              "NAS-IP-Address": "10.20.0.1", "NAS-Port-Type": "Virtual", "Calling-Station-Id": "192.0.2.2",
              "Called-Station-Id": "192.0.2.1", "Tunnel-Type:0": "PPTP", "Tunnel-Medium-Type:0": "IPv4",
              "Tunnel-Client-Endpoint:0": "192.0.2.2", "Tunnel-Server-Endpoint:0": "192.0.2.1"}
    assert {key: request.get(key) for key in wanted} == wanted, request.pairs
    for key in ("NAS-Port", "NAS-Port-Id", "Acct-Session-Id", "Connect-Info", "Acct-Tunnel-Connection",
                "Message-Authenticator"):
        assert request.get(key), key


def test_mppe_policy(isp, freeradius, start, dial, folder):
    """RAD-30: "required" binds who would rather not; "allowed" leaves it to the user; no keys where they are needed."""
    server, client = isp
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"', **radius.settings(folder, freeradius))
    without = callers_of(dial, client, ["strict", "open"], options=("nomppe", *ONLY["mschapv2"]))
    keyless = callers_of(dial, client, ["keyless"])["keyless"]
    with_mppe = callers_of(dial, client, ["open"], options=(*ONLY["mschapv2"], *lab.MPPE))["open"]
    without["open"].wait_up()
    without["open"].reach()
    with_mppe.wait_up()
    with_mppe.reach()
    for caller in (without["strict"], keyless):
        caller.wait_end()
        assert not caller.up()
    assert pacd.logged("login-failed", user='"keyless"', reason="no-mppe-keys")
    lab.wait_for(lambda: len(pacd.sessions()) == 2, "the refused ones are gone")
    assert sorted(s["mppe_bits"] for s in pacd.sessions()) == [0, 128]
    assert not freeradius.records(User_Name="strict"), "no Start without service"


# --- what they get ---


def test_addresses(isp, freeradius, start, dial, folder):
    """Fixed, out of a named pool, of an unknown pool, the NAS's choice, the user's choice; none is given twice."""
    server, client = isp
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"', pools=POOLS, **radius.settings(folder, freeradius))
    first = callers_of(dial, client, ["fixed", "lost", "any"])
    chooser = callers_of(dial, client, ["chooser"], options=(*ONLY["pap"], "10.96.0.5:"))["chooser"]
    first["fixed"].wait_up()
    second = callers_of(dial, client, ["thief", "pooled"])
    second["thief"].wait_end()
    assert not second["thief"].up()
    assert pacd.logged("login-failed", user='"thief"', reason="address-in-use")
    assert first["fixed"].address() == "10.97.0.10"
    assert second["pooled"].wait_up().address() == "10.97.0.11", "the fixed one is not the pool's any more"
    late = callers_of(dial, client, ["late"])["late"]
    late.wait_end()
    assert pacd.logged("login-failed", user='"late"', reason="pool-exhausted")
    for user in ("lost", "any"):
        assert first[user].wait_up().address().startswith("10.99.0."), user
    assert pacd.logged("unknown-pool", pool='"nowhere"')
    assert chooser.wait_up().address() == "10.96.0.5"
    chooser.reach()
    (record,) = freeradius.wait_records(User_Name="chooser", Acct_Status_Type="Start")
    assert record["Framed-IP-Address"] == "10.96.0.5", "the real one"
    first["fixed"].stop()
    lab.wait_for(lambda: len(pacd.sessions()) == 4, "it is gone")
    thief = callers_of(dial, client, ["thief"])["thief"]
    assert thief.wait_up().address() == "10.97.0.10"


def test_link(isp, freeradius, start, dial, folder, ip_up):
    """Routes, netmask, MTU, name servers, interface id; what the scripts and the records are told (RAD-87)."""
    server, client = isp
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"', ppp__ipv6="true", pools=POOLS,
                 **radius.settings(folder, freeradius))
    rich = callers_of(dial, client, ["rich"], options=(*ONLY["pap"], "usepeerdns", "+ipv6"))["rich"]
    router = callers_of(dial, client, ["router"])["router"]
    rich.wait_up()
    router.wait_up()
    sessions = {s["user"]: s for s in pacd.sessions()}

    ifname = sessions["router"]["interface"]
    routes = server.ip("route", "show").stdout.splitlines()
    for route in ("10.95.5.0/24", "10.30.0.0/16", "10.0.0.0/8"):  # the last one is 10.31.0.0 in its old class
        found = [line for line in routes if line.startswith(f"{route} ") and f"dev {ifname}" in line]
        assert len(found) == 1, (route, routes)
    assert "metric 7" in next(line for line in routes if line.startswith("10.30.0.0/16"))
    assert pacd.logged("framed-route", ignored="1")

    link = json.loads(server.ip("-j", "link", "show", sessions["rich"]["interface"]).stdout)[0]
    assert link["mtu"] == 1000
    assert "primary   DNS address 192.0.2.53" in rich.log()
    assert "secondary DNS address 192.0.2.54" in rich.log()
    lab.wait_for(lambda: "fe80::0000:0000:0000:0077" in rich.log() or "fe80::77" in rich.log(),
                 lambda: f"the interface id\n{rich.log()}")

    told = ip_up("rich")
    wanted = {"PACD_FILTER_ID": "students", "PACD_CLASS": f"{b'one'.hex()},{b'two'.hex()}", "PACD_RATE_UP": "1000000",
              "PACD_RATE_DOWN": "4000000", "PACD_RATE_LIMIT": "1M/4M", "PACD_IPV6_PREFIX": "2001:db8:1::/64",
              "PACD_DELEGATED_IPV6_PREFIX": "2001:db8:2::/56", "PACD_INTERFACE_ID": "0000000000000077",
              "PACD_SESSION_TIMEOUT": "3600", "PACD_IDLE_TIMEOUT": "1800", "PACD_METHOD": "pap",
              "PACD_CALLING_STATION_ID": "192.0.2.2", "PACD_CALLED_STATION_ID": "192.0.2.1"}
    assert {key: told.get(key) for key in wanted} == wanted
    (record,) = freeradius.wait_records(User_Name="rich", Acct_Status_Type="Start")
    assert told["PACD_SESSION_ID"] == record["Acct-Session-Id"] == sessions["rich"]["session_id"]
    assert len(record.list("Class")) == 2
    assert "10.30.0.0/16" in ip_up("router")["PACD_ROUTES"]

    router.stop()
    lab.wait_for(lambda: len(pacd.sessions()) == 1, "it is gone")
    left = server.ip("route", "show").stdout
    assert "10.30.0.0/16" not in left and "10.95.5.0/24" not in left and "10.0.0.0/8" not in left


def test_limits(isp, freeradius, start, dial, folder):
    """Session-Timeout and Idle-Timeout, each with its own cause (5, 4); Port-Limit."""
    server, client = isp
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"', **radius.settings(folder, freeradius))
    callers = callers_of(dial, client, ["brief", "idler", "single"])
    callers["single"].wait_up()
    again = callers_of(dial, client, ["single"])["single"]
    again.wait_end()
    assert not again.up()
    assert pacd.logged("login-failed", user='"single"', reason="session-limit")
    (brief,) = freeradius.wait_records(User_Name="brief", Acct_Status_Type="Stop")
    (idler,) = freeradius.wait_records(User_Name="idler", Acct_Status_Type="Stop")
    assert brief["Acct-Terminate-Cause"] == "Session-Timeout"
    assert idler["Acct-Terminate-Cause"] == "Idle-Timeout"
    assert 4 <= int(brief["Acct-Session-Time"]) <= 8 and int(idler["Acct-Session-Time"]) >= 4
    callers["single"].reach()
