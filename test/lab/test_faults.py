"""What happens when a process dies, a peer vanishes, a configuration is bad, or all is done 200 times over."""

import os
import pathlib
import signal
import socket
import struct

import pytest

import lab
import pptp

STUB = {"ppp.check": "false", "ppp.pppd": f'"{lab.TOP}/test/lab/stub"'}
LOOP = "while :; do {command}; sleep 0.2; done"  # systemd's Restart=always


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def start_in_loop(start, server, **settings):
    pacd = start(server, wait=False, **settings)
    pacd.kill()
    pacd.log_file.unlink()
    pacd.start(command=["sh", "-c", LOOP.format(command=f"{lab.PACD} -f -c {pacd.conf_file}")])
    return pacd


def root_of(pacd):
    for pid in lab.children(pacd.process.pid):
        if lab.command_name(pid) == "pacd":
            return pid
    return None


def call_up(wire, start, dial):
    server, client = wire
    pacd = start_in_loop(start, server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    root = root_of(pacd)
    (main,) = [p for p in lab.children(root) if lab.command_name(p) == "pacd-main"]
    (pppd,) = [p for p in lab.children(root) if lab.command_name(p) == "pppd"]
    return server, client, pacd, caller, root, main, pppd


def comes_back(pacd, server, client, dial, caller, dead):
    """All of the old run is gone, the caller was hung up, and a new call works."""
    lab.wait_for(lambda: not any(alive(p) for p in dead), "old processes are gone")
    caller.stop()
    lab.wait_for(lambda: len(pacd.logged("serving")) == 2, "it serves again")
    again = dial(client, "192.0.2.1", options=lab.MPPE)
    server.reach(again.address())
    assert len([i for i in server.interfaces() if i.startswith("ppp")]) == 1


def test_main_killed(wire, start, dial, ip_down):
    """The call ends, its down scripts run, and the service comes back."""
    server, client, pacd, caller, root, main, pppd = call_up(wire, start, dial)
    os.kill(main, signal.SIGKILL)
    assert lab.wait_for(ip_down, "the down scripts have run")
    comes_back(pacd, server, client, dial, caller, (root, main, pppd))


def test_root_killed(wire, start, dial):
    server, client, pacd, caller, root, main, pppd = call_up(wire, start, dial)
    os.kill(root, signal.SIGKILL)
    comes_back(pacd, server, client, dial, caller, (root, main, pppd))


@pytest.fixture
def ip_down(tmp_path):
    """A file to which every run of the ip-down scripts adds its arguments and PACD_REASON, a line each."""
    out, script = tmp_path / "ip-down", pathlib.Path("/etc/ppp/ip-down.d/0lab")
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f"#!/bin/sh\necho $PPP_IFACE $PPP_LOCAL $PPP_REMOTE $PPP_IPPARAM $PACD_REASON >>{out}\n")
    script.chmod(0o755)
    yield lambda: out.read_text().splitlines() if out.exists() else []
    script.unlink()


def test_pppd_killed(wire, start, dial, ip_down):
    """One pppd's death ends its own call, with a CDN, and no other (CALL-OUT-08); its down scripts run all the same."""
    server, client = wire
    pacd = start(server)
    first = dial(client, "192.0.2.1", options=lab.MPPE)
    victim = pacd.pppds()[0]
    second = dial(client, "192.0.2.1", user="bob", password="builder", options=lab.MPPE)
    os.kill(victim, signal.SIGKILL)
    first.wait_end()
    assert pacd.wait_log("pppd-exit", signal=9)
    (line,) = lab.wait_for(ip_down, "the down scripts have run")
    assert line.split() == ["ppp0", "10.99.0.1", "10.99.0.10", "192.0.2.2", "crashed"]
    server.reach(second.address())
    assert len(pacd.sessions()) == 1


def test_pppd_that_ignores_sigterm(wire, start, tmp_path):
    """It is killed after 10 s, and nobody waits for it meanwhile (TIM-08)."""
    server, client = wire
    stubborn = tmp_path / "stubborn"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM HUP\necho ready >&2\nwhile :; do sleep 1; done\n")
    stubborn.chmod(0o755)
    pacd = start(server, **{**STUB, "ppp.pppd": f'"{stubborn}"'})
    pns = pptp.connect(client, "192.0.2.1").establish()
    assert pns.call(1)[1] == 1
    pacd.wait_log("pppd", text='"ready"')
    pns.send(pptp.ccrq(1))
    assert pns.cdn()[1] == 4
    assert pns.call(1)[1] == 1
    assert pacd.wait_log("pppd-killed")
    lab.wait_for(lambda: len(pacd.sessions()) == 1, "the first one is freed")


def test_pppd_that_cannot_start(wire, start, tmp_path):
    """Its exit status is told in words, the PNS gets a CDN, the channel is free."""
    server, client = wire
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'unrecognized option frob' >&2\nexit 2\n")
    broken.chmod(0o755)
    pacd = start(server, **{**STUB, "ppp.pppd": f'"{broken}"'})
    pns = pptp.connect(client, "192.0.2.1").establish()
    assert pns.call(1)[1] == 1
    assert pns.cdn()[1:3] == (2, 6)
    assert "unrecognized option frob" in pacd.log()
    assert pacd.wait_log("pppd-exit", status=2)
    assert not pacd.sessions()


def test_reload_with_calls_up(wire, start, dial):
    """SIGHUP and `pacctl reload`: a good file holds for new calls, a bad one is refused whole; calls stay."""
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    pacd.configure(users=lab.USERS.replace("wonderland", "looking-glass"), max_channels="2")
    pacd.process.send_signal(signal.SIGHUP)
    pacd.wait_log("reloaded")
    server.reach(caller.address())
    assert pacd.ctl("show", "status")["max_channels"] == 2
    old = dial(client, "192.0.2.1", options=lab.MPPE, wait=False)
    old.wait_end()
    assert pacd.logged("login-failed", reason="wrong-password")
    new = dial(client, "192.0.2.1", password="looking-glass", options=lab.MPPE)
    pacd.configure(max_channels="70000", frobnicate="1")
    done = pacd.pacctl("reload", check=False)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "max_channels" in text and "frobnicate" in text and str(pacd.conf_file) in text
    assert pacd.logged("reload-refused")
    assert pacd.ctl("show", "status")["max_channels"] == 2
    server.reach(new.address())
    pacd.configure(max_channels="5", frobnicate=None)
    assert pacd.pacctl("reload").returncode == 0
    assert len(pacd.sessions()) == 2


def test_pacctl_disconnect_and_drain(wire, start, dial):
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    (session,) = pacd.sessions()
    assert pacd.pacctl("disconnect", "user", "nobody", check=False).returncode == 1
    pacd.pacctl("drain")
    refused = dial(client, "192.0.2.1", user="bob", password="builder", options=lab.MPPE, wait=False)
    refused.wait_end()
    server.reach(caller.address())
    pacd.pacctl("disconnect", str(session["id"]))
    caller.wait_end()
    lab.wait_for(lambda: not pacd.sessions(), "the session is gone")
    assert pacd.logged("call-down", reason="admin")


def footprint(pacd):
    main = pacd.main_pid()
    fds = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (main, pacd.root_pid())]
    rss = int(next(line.split()[1] for line in open(f"/proc/{main}/status") if line.startswith("VmRSS")))
    return fds, rss, len(lab.children(pacd.root_pid()))


def test_200_calls_leave_nothing(wire, start):
    """Descriptors, processes and memory are the same after 200 more set-ups and clears.

    The first 200 touch the pages of the tables that random call ids index.
    """
    server, client = wire
    pacd = start(server, log='{ target = "stderr"; level = "info"; }', limits="{ call_rate_per_peer = 0; }", **STUB)
    pns = pptp.connect(client, "192.0.2.1").establish()

    def rounds(n):
        for i in range(n):
            assert pns.call(i)[1] == 1
            pns.send(pptp.ccrq(i))
            pns.cdn()
        lab.wait_for(lambda: not pacd.sessions(), "all sessions are freed")

    rounds(200)
    before = footprint(pacd)
    rounds(200)
    after = footprint(pacd)
    assert after[0] == before[0] and after[2] == before[2], (before, after)
    assert after[1] - before[1] < 256, (before, after)
    assert pacd.ctl("show", "status")["channels"] == 0


def test_real_calls_leave_nothing(wire, start, dial):
    """The same with real pppds: interfaces, addresses, processes."""
    server, client = wire
    pacd = start(server)
    before = None
    for _ in range(3):
        caller = dial(client, "192.0.2.1", options=lab.MPPE)
        caller.stop()
        lab.wait_for(lambda: not pacd.sessions() and not pacd.pppds(), "the call is gone")
        now = footprint(pacd)[0], footprint(pacd)[2], server.interfaces()
        assert before in (None, now)
        before = now
    assert pacd.ctl("show", "pools")[0]["used"] == 0


def test_gre_from_elsewhere(wire, start):
    """GRE-02: packets with a call's id but another source, or garbage, reach no call and are counted."""
    server, client = wire
    pacd = start(server, **STUB)
    pns = pptp.connect(client, "192.0.2.1").establish()
    pac, _, _ = pns.call(1)
    client.ip("addr", "add", "192.0.2.77/24", "dev", client.interfaces()[-1])
    with client.inside():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
        foreign = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
    foreign.bind(("192.0.2.77", 0))
    payload = b"\xff\x03\xc0\x21" + bytes(20)
    good = struct.pack("!BBHHHI", 0x30, 1, 0x880B, len(payload), pac, 0) + payload
    foreign.sendto(good, ("192.0.2.1", 0))
    raw.sendto(struct.pack("!BBHHHI", 0x30, 1, 0x880B, 2000, pac, 0) + payload, ("192.0.2.1", 0))
    raw.sendto(struct.pack("!BBHHHI", 0xB0, 1, 0x880B, len(payload), pac, 0) + payload, ("192.0.2.1", 0))
    lab.wait_for(lambda: sum(int(v) for k, v in drops(pacd).items()) >= 3, lambda: f"three drops {drops(pacd)}")
    assert pacd.sessions()[0]["rx_packets"] == 0
    raw.sendto(good, ("192.0.2.1", 0))
    raw.sendto(good, ("192.0.2.1", 0))
    lab.wait_for(lambda: pacd.sessions()[0]["rx_packets"] == 1, "the good one is delivered once")


def drops(pacd):
    return {s["name"]: s["value"] for s in pacd.ctl("show", "stats") if "drop" in s["name"]}


def test_second_copy(wire, start):
    """A second pacd says that one is running, and leaves the first alone."""
    server, client = wire
    pacd = start(server)
    other = start(server, wait=False, name="other", control_socket=f'"{pacd.socket}"')
    assert other.process.wait(30) == 1
    assert "another pacd is running" in other.log(), other.log()
    pns = pptp.connect(client, "192.0.2.1").establish()
    assert pacd.ctl("show", "status")["connections"] == 1
    pns.close()
