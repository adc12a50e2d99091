"""Logins: every method, every kind of name, every reason to refuse one (PPP-05, CALL-04, CALL-OUT-08, -09, SEC-01)."""

import subprocess
import time

import lab

ALL = '[ "pap", "chap", "mschap", "mschapv2" ]'
ONLY = {  # what pppd as a client is told so that only one method is left
    "pap": ("refuse-chap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap"),
    "chap": ("refuse-pap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap"),
    "mschap": ("refuse-pap", "refuse-chap", "refuse-mschap-v2", "refuse-eap"),
    "mschapv2": ("refuse-pap", "refuse-chap", "refuse-mschap", "refuse-eap"),
}


def quiet(pacd, sessions=0):
    """Nothing is left but these sessions: no pppd, no channel."""
    lab.wait_for(lambda: len(pacd.sessions()) == sessions, lambda: f"{sessions} sessions are left\n{pacd.log()}")
    lab.wait_for(lambda: len(pacd.pppds()) == sessions, "the other pppds are gone")
    assert pacd.status()["channels"] == sessions


def test_methods(wire, start, dial):
    """PPP-05, SEC-01: PAP, CHAP with MD5, MS-CHAP and MS-CHAPv2 where allowed; a PAP password for an NT hash."""
    server, client = wire
    pacd = start(server, ppp__auth=ALL, ppp__mppe='"allow"')
    callers = {method: dial(client, "192.0.2.1", wait=False, options=options) for method, options in ONLY.items()}
    callers["hash"] = dial(client, "192.0.2.1", wait=False, user="carol", password="password", options=ONLY["pap"])
    for method, caller in callers.items():
        caller.wait_up()
        caller.reach()
    assert len({caller.address() for caller in callers.values()}) == 5
    for method in ONLY:
        assert pacd.logged("login", method=method, user='"alice"'), method
    assert pacd.logged("login", method="pap", user='"carol"')
    assert sorted(s["auth"] for s in pacd.sessions()) == ["chap", "mschap", "mschapv2", "pap", "pap"]
    assert not pacd.logged("login-failed")
    for caller in callers.values():
        caller.stop()
    quiet(pacd)


def test_method_that_is_not_allowed(wire, start, dial):
    """SEC-01: who knows no allowed method is not let in nor asked for a password; MD5 cannot do with an NT hash."""
    server, client = wire
    pacd = start(server, ppp__auth='[ "chap" ]', ppp__mppe='"deny"')
    pap = dial(client, "192.0.2.1", wait=False, options=ONLY["pap"])
    hashed = dial(client, "192.0.2.1", wait=False, user="carol", password="password", options=ONLY["chap"])
    pap.wait_end()
    hashed.wait_end()
    assert not pap.up() and not hashed.up()
    assert "PAP AuthReq" not in pap.log()
    (line,) = pacd.wait_log("login-failed")
    assert 'user="carol"' in line and "method=chap" in line and "reason=method" in line
    quiet(pacd)


def test_failures(wire, start, dial, folder):
    """CALL-OUT-08, -15, SEC-09: a refused login is one line with address and outcome; its call, pppd and channel are
    gone, and the connection that it came on lives, with its other calls."""
    server, client = wire
    pacd = start(server)
    shared = folder / "shared"
    good = dial(client, "192.0.2.1", shared=shared, options=lab.MPPE)  # the first one makes the control connection
    wrong = dial(client, "192.0.2.1", wait=False, shared=shared, password="wonderlan", options=lab.MPPE)
    unknown = dial(client, "192.0.2.1", wait=False, shared=shared, user="mallory", options=lab.MPPE)
    for bad in (wrong, unknown):
        bad.wait_end()
        assert not bad.up()
        assert "E=691 R=0" in bad.log()
    quiet(pacd, 1)
    lines = pacd.logged("login-failed")
    assert len(lines) == 2
    assert all("peer=192.0.2.2:" in line for line in lines)
    assert pacd.logged("login-failed", user='"alice"', reason="wrong-password")
    assert pacd.logged("login-failed", user='"mallory"', reason="no-such-user")
    assert len(pacd.logged("call-down", reason="auth-failed")) == 2
    (connection,) = pacd.ctl("show", "connections")
    assert connection["calls"] == 1
    good.reach()
    again = dial(client, "192.0.2.1", shared=shared, user="bob", password="builder", options=lab.MPPE)
    again.reach()
    (connection,) = pacd.ctl("show", "connections")
    assert connection["calls"] == 2
    stats = {c["name"]: c["value"] for c in pacd.ctl("show", "stats")}
    assert (stats["logins_accepted"], stats["logins_rejected"]) == (2, 2)
    assert "wonderland" not in pacd.log() and "builder" not in pacd.log()


NAMES = """
users = (
    { name = "alice"; secret = "wonderland"; },
    { name = "carol"; nt_hash = "8846f7eaee8fb117ad06bdd830b7586c"; },
    { name = "jürgen"; secret = "Straße"; }
);
"""


def test_names(wire, start, dial):
    """An NT hash in the secret's place, a name with a domain, a name and a password outside of ASCII."""
    server, client = wire
    pacd = start(server, users=NAMES, ppp__auth='[ "pap", "mschapv2" ]', ppp__mppe='"allow"')
    # pppd hashes each octet of a password as one character: Latin-1 gives what Windows would send for the same text.
    latin1 = "Straße".encode("latin-1").decode(errors="surrogateescape")
    callers = {
        "carol": dial(client, "192.0.2.1", wait=False, user="carol", password="password", options=lab.MPPE),
        "alice": dial(client, "192.0.2.1", wait=False, user="WONDER\\alice", options=lab.MPPE),
        "jürgen": dial(client, "192.0.2.1", wait=False, user="jürgen", password=latin1, options=lab.MPPE),
        "jürgen/pap": dial(client, "192.0.2.1", wait=False, user="jürgen", password="Straße", options=ONLY["pap"]),
    }
    for caller in callers.values():
        caller.wait_up()
        caller.reach()
    assert pacd.logged("login", user='"WONDER\\x5calice"', method="mschapv2")
    assert pacd.logged("login", user='"j\\xc3\\xbcrgen"', method="mschapv2")
    assert pacd.logged("login", user='"j\\xc3\\xbcrgen"', method="pap")
    assert sorted(s["user"] for s in pacd.sessions()) == ["WONDER\\alice", "carol", "jürgen", "jürgen"]
    assert pacd.pacctl("disconnect", "user", "jürgen").returncode == 0
    quiet(pacd, 2)


LIMITED = """
users = (
    { name = "refuser"; secret = "one"; sessions = 1; on_limit = "refuse"; },
    { name = "replacer"; secret = "one"; sessions = 1; on_limit = "replace"; address = "10.99.7.7"; },
    { name = "tiny"; secret = "one"; pool = "tiny"; }
);
"""
POOLS = """( { name = "main"; local = "10.99.0.1"; ranges = [ "10.99.0.10-99" ]; },
             { name = "tiny"; local = "10.98.0.1"; ranges = [ "10.98.0.10" ]; } )"""


def test_sessions_and_addresses(wire, start, dial):
    """CALL-OUT-09, SEC-03: a user's second session is refused, or replaces the first and takes its fixed address over;
    who comes when all addresses of the pool are given is refused, and has one when it is free again."""
    server, client = wire
    pacd = start(server, users=LIMITED, pools=POOLS)
    users = ("refuser", "replacer", "tiny")

    def dial_all():
        return {user: dial(client, "192.0.2.1", user=user, password="one", wait=False, options=lab.MPPE)
                for user in users}

    first = dial_all()
    for caller in first.values():
        caller.wait_up()
    assert first["replacer"].address() == "10.99.7.7"
    assert first["tiny"].address() == "10.98.0.10"

    second = dial_all()
    second["refuser"].wait_end()
    second["tiny"].wait_end()
    assert not second["refuser"].up() and not second["tiny"].up()
    assert pacd.logged("login-failed", user='"refuser"', reason="session-limit")
    assert pacd.logged("login-failed", user='"tiny"', reason="pool-exhausted")
    assert "No address is free" in second["tiny"].log()
    first["replacer"].wait_end()
    second["replacer"].wait_up()
    assert second["replacer"].address() == "10.99.7.7"
    assert len(pacd.logged("call-down", user='"replacer"')) == 1
    assert pacd.logged("call-down", user='"replacer"', reason="replaced")
    quiet(pacd, 3)
    second["replacer"].reach()
    first["refuser"].reach()
    first["tiny"].reach("10.98.0.1")

    for user in ("refuser", "tiny"):
        first[user].stop()
    quiet(pacd, 1)
    pools = {pool["name"]: pool for pool in pacd.ctl("show", "pools")}
    assert (pools["tiny"]["size"], pools["tiny"]["used"], pools["tiny"]["refused"]) == (1, 0, 1)
    third = [dial(client, "192.0.2.1", user=user, password="one", wait=False, options=lab.MPPE)
             for user in ("refuser", "tiny")]
    for caller in third:
        caller.wait_up()
    assert third[1].address() == "10.98.0.10"


TIMED = """
users = (
    { name = "brief"; secret = "one"; session_timeout = 4; },
    { name = "idler"; secret = "one"; idle_timeout = 4; },
    { name = "talker"; secret = "one"; idle_timeout = 4; }
);
"""


def test_time_limits(wire, start, dial):
    """CALL-OUT-09: session_timeout ends a busy session, idle_timeout an idle one; LCP echoes are no traffic."""
    server, client = wire
    pacd = start(server, users=TIMED, ppp__lcp_echo_interval="1", ppp__lcp_echo_failure="60")
    callers = {name: dial(client, "192.0.2.1", user=name, password="one", wait=False, options=lab.MPPE)
               for name in ("brief", "idler", "talker")}
    traffic = []
    for name in ("talker", "brief"):
        callers[name].wait_up()
        traffic.append(client.popen("ping", "-nq", "-i", "0.5", "-I", callers[name].ifname, "10.99.0.1",
                                    stdout=subprocess.DEVNULL))
    pacd.wait_log("call-down", user='"brief"', reason="session-timeout")
    pacd.wait_log("call-down", user='"idler"', reason="idle-timeout")
    for name in ("brief", "idler"):
        callers[name].wait_end()
    seconds = {name: int(line.split("seconds=")[1].split()[0]) for name in ("brief", "idler")
               for line in pacd.logged("call-down", user=f'"{name}"')}
    assert seconds["brief"] >= 4 and seconds["idler"] >= 4
    quiet(pacd, 1)
    lab.wait_for(lambda: pacd.sessions()[0]["up_s"] >= 10, "it has been there for twice its idle time-out")
    assert pacd.sessions()[0]["user"] == "talker"
    silence = time.monotonic()
    for ping in traffic:
        ping.kill()
        ping.wait()
    pacd.wait_log("call-down", user='"talker"', reason="idle-timeout")
    assert time.monotonic() - silence >= 3.5
    quiet(pacd)
