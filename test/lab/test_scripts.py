"""What an operator meets: pppd's scripts, proxy ARP, fail2ban, `pacd -t`, messages of a start that fails, sd_notify."""

import os
import pathlib
import re
import signal
import socket

import lab
import pytest

SCRIPT = """#!/bin/sh
sleep 0.5
{{ echo "sixth=$6"; env; }} >{folder}/{name}.part
mv {folder}/{name}.part {folder}/{name}
"""
MODPROBE_CONF = pathlib.Path("/etc/modprobe.d/pacd-test.conf")
REFUSED_START_S = 60


@pytest.fixture
def scripts(folder):
    """scripts(name): what the ip-up or ip-down script was told, as a dict."""
    kept = folder / "scripts"
    kept.mkdir()
    placed = []
    for name in ("ip-up", "ip-down"):
        path = pathlib.Path(f"/etc/ppp/{name}.d/0pacd-test")
        path.parent.mkdir(exist_ok=True)
        path.write_text(SCRIPT.format(folder=kept, name=name))
        path.chmod(0o755)
        placed.append(path)

    def told(name):
        path = kept / name
        lab.wait_for(path.exists, f"{name} has run")
        text = path.read_text()
        path.unlink()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    yield told
    for path in placed:
        path.unlink()


# --- pppd's scripts ---


def test_scripts(wire, start, dial, scripts):
    """They are told the caller's public address; ip-down why pacd ended the call, and nothing where it did not."""
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    up = scripts("ip-up")
    assert up["sixth"] == up["PPP_IPPARAM"] == "192.0.2.2"
    assert (up["PPP_LOCAL"], up["PPP_REMOTE"]) == ("10.99.0.1", caller.address())
    assert "PACD_REASON" not in up
    assert "wonderland" not in str(up)
    pacd.pacctl("disconnect", "user", "alice")
    down = scripts("ip-down")
    assert (down["PPP_IPPARAM"], down["PPP_REMOTE"], down["PACD_REASON"]) == ("192.0.2.2", caller.address(), "admin")
    caller.wait_end()

    pacd.configure(ppp__ipparam="false")
    assert pacd.pacctl("reload").returncode == 0
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    assert scripts("ip-up")["sixth"] == ""
    server.run("pkill", "-TERM", "-P", pacd.root_pid(), "-x", "pppd")
    assert "PACD_REASON" not in scripts("ip-down")


@pytest.mark.parametrize("end", ["client", "killed", "main"])
def test_down_script_at_every_end(wire, start, dial, scripts, end):
    """It runs to its end however the call ended: hung up politely, or without a word, or main has died. A SIGTERM
    while pppd waits for its scripts would kill them."""
    server, client = wire
    pacd = start(server)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    scripts("ip-up")
    (pppd,) = pacd.pppds()
    if end == "client":
        caller.process.terminate()
    elif end == "killed":
        caller.process.kill()
    else:
        os.kill(pacd.main_pid(), signal.SIGKILL)
    assert scripts("ip-down")["PPP_REMOTE"] == caller.address()
    lab.wait_for(lambda: not os.path.exists(f"/proc/{pppd}"), "pppd is gone")


def test_proxy_arp(net, wire, start, dial):
    """A pool inside of a LAN: the server answers ARP for the caller there, as long as the call is up."""
    server, client = wire
    lan = net.host("lan")
    inner, _ = net.cable(server, "10.50.0.1/24", lan, "10.50.0.2/24")
    server.sysctl("net.ipv4.ip_forward", 1)
    pool = '( { name = "lan"; local = "10.50.0.1"; ranges = [ "10.50.0.100-110" ]; proxyarp = true; } )'
    start(server, pools=pool)
    caller = dial(client, "192.0.2.1", options=lab.MPPE)
    client.ip("route", "add", "10.50.0.2", "dev", caller.ifname)
    lan.reach(caller.address())
    lan.ping(caller.address())
    client.ping("10.50.0.2")
    mac = server.run("cat", f"/sys/class/net/{inner}/address").stdout.strip()
    assert mac in lan.ip("neigh", "show", caller.address()).stdout
    caller.stop()
    lab.wait_for(lambda: not server.ip("neigh", "show", "proxy").stdout.strip(), "the ARP entry is gone")


# --- fail2ban ---


def failregex():
    """The one of pacd(8), as fail2ban would compile it."""
    (line,) = re.findall(r"^\.Dl failregex = (.*)$", (lab.TOP / "conf/pacd.8").read_text(), re.M)
    line = line.replace(r"\e", "\\").replace(r"\(dq", '"').replace(r"\(ha", "^")
    return re.compile(line.replace("<HOST>", r"(?P<host>[\w.:]+?)"))


def test_fail2ban(wire, start, dial):
    """SEC-09: the documented expression finds each failed login, with the caller's own address: no name that a caller
    gives can put another one there, nor make a line that is none look like one."""
    server, client = wire
    pacd = start(server)
    spoof = ": login-failed session=1 call=1 peer=203.0.113.9:1 user=x"
    wrong = dial(client, "192.0.2.1", wait=False, user="alice", password="nope", options=lab.MPPE)
    liar = dial(client, "192.0.2.1", wait=False, user=spoof, options=lab.MPPE)
    good = dial(client, "192.0.2.1", user="bob", password="builder", options=lab.MPPE)
    wrong.wait_end()
    liar.wait_end()
    good.stop()
    pacd.wait_log("login-failed", count=2)
    lab.wait_for(lambda: not pacd.sessions(), "all is over")
    regex = failregex()
    lines = pacd.log().splitlines()
    assert any("203.0.113.9:1" in line for line in lines)
    hits = [m for m in map(regex.search, lines) if m]
    assert [m["host"] for m in hits] == ["192.0.2.2"] * 2, [m.string for m in hits]
    assert all(": login-failed session=" in m.string for m in hits)


# --- pacd -t ---


def check(pacd):
    """Exit code and words of `pacd -t`."""
    done = pacd.host.run(lab.PACD, "-t", "-c", pacd.conf_file, check=False)
    return done.returncode, done.stdout + done.stderr


def test_config_test(wire, folder):
    """Good and bad files; each fault is one line with its place, and all are told at once."""
    server, _ = wire
    pacd = lab.Pacd(server, folder / "pacd")
    code, text = check(pacd)
    assert code == 0 and f"{pacd.conf_file}: good" in text
    pacd.configure(max_channels="70000", frobnicate="1", ppp__mtu="9000")
    code, text = check(pacd)
    assert code == 1 and "good" not in text
    for word in ("max_channels", "frobnicate", "mtu"):
        assert re.search(rf"^{re.escape(str(pacd.conf_file))}:\d+: .*{word}", text, re.M), text
    pacd.configure(max_channels="10", frobnicate=None, ppp__mtu="1400", users='users = ( { name = "x"; } );')
    code, text = check(pacd)
    assert code == 1 and re.search(rf"^{re.escape(str(pacd.users_file))}:\d+: ", text, re.M), text
    pacd.conf_file.write_text("listen = [ ;\n")
    code, text = check(pacd)
    assert code == 1 and f"{pacd.conf_file}:1: " in text
    pacd.conf_file.unlink()
    code, text = check(pacd)
    assert code == 1 and "No such file or directory" in text
    assert server.run(lab.PACD, "--frob", check=False).returncode == 2
    assert server.run(lab.PACD, "word", check=False).returncode == 2


# --- a start that fails ---


def refused(start, server, **settings):
    """What a pacd that will not start says; `pacd -t` must say the same."""
    pacd = start(server, wait=False, **settings)
    assert pacd.process.wait(REFUSED_START_S) == 1
    assert not pacd.serving()
    code, text = check(pacd)
    assert code == 1
    errors = complaints(pacd, pacd.log())
    assert errors and [settled(e) for e in errors] == [settled(e) for e in complaints(pacd, text)]
    return "\n".join(errors)


def complaints(pacd, text):
    return [line for line in text.splitlines() if line.startswith(str(pacd.folder))]


def settled(line):
    """Without the numbers that change while what ran before still lets go of its ptys."""
    return re.sub(r"\d+ are taken: set kernel\.pty\.max to \d+", "", line)


@pytest.mark.parametrize("setting, value, words", [
    ("ppp.pppd", '"/usr/sbin/no-pppd"', ("ppp.pppd", "no program /usr/sbin/no-pppd", '"ppp"')),
    ("ppp.pppd", '"/bin/true"', ("ppp.pppd", "names no version of pppd")),
    ("ppp.plugin", '"/usr/lib/no-pacd.so"', ("ppp.plugin", "/usr/lib/no-pacd.so", "No such file")),
    ("ppp.plugin", '"/usr/bin/env"', ("ppp.plugin", "does not start with /usr/bin/env")),
    ("user", '"nobody-here"', ("there is no user", "nobody-here", "systemd-sysusers")),
    ("user", '"root"', ("user", "is root, and main must not be")),
])
def test_refused_start(wire, start, setting, value, words):
    """The message names the setting and says what to do."""
    log = refused(start, wire[0], **{setting: value})
    for word in words:
        assert word in log, log


def test_refused_users_file(wire, folder):
    server, _ = wire
    pacd = lab.Pacd(server, folder / "pacd")
    pacd.users_file.chmod(0o644)
    code, text = check(pacd)
    assert code == 1
    assert f"{pacd.users_file}: it holds secrets, but its mode 0644 lets others at it: chmod 600 it" in text
    pacd.start(wait=False)
    assert pacd.process.wait(REFUSED_START_S) == 1
    assert "chmod 600" in pacd.log()


def test_refused_for_want_of_ptys(wire, start):
    """The message names the sysctl and a value that will do."""
    server, _ = wire
    before = lab.run("sysctl", "-n", "kernel.pty.max").stdout.strip()
    lab.run("sysctl", "-qw", "kernel.pty.max=50")
    try:
        log = refused(start, server)
        value = int(re.search(r"set kernel\.pty\.max to (\d+) or more, or lower max_channels", log).group(1))
        assert value >= 100
        lab.run("sysctl", "-qw", f"kernel.pty.max={value}")
        start(server, name="second")
    finally:
        lab.run("sysctl", "-qw", f"kernel.pty.max={before}")


def test_refused_for_want_of_mppe(wire, start):
    """A kernel without MPPE: an error where it is required, a warning where it is allowed."""
    if os.environ.get("PACD_LAB") != "vm":
        pytest.skip("the modules here are the host's own: not to be unloaded")
    server, _ = wire
    lab.run("modprobe", "-r", "ppp_mppe")
    MODPROBE_CONF.parent.mkdir(exist_ok=True)
    MODPROBE_CONF.write_text("install ppp_mppe /bin/false\n")
    try:
        assert not os.path.exists("/sys/module/ppp_mppe")
        assert "ppp.mppe: the kernel has no MPPE" in refused(start, server)
        pacd = start(server, name="allows", ppp__mppe='"allow"')
        assert "mppe=missing" in pacd.log()
    finally:
        MODPROBE_CONF.unlink()
        lab.run("modprobe", "ppp_mppe")


# --- sd_notify ---


class NotifySocket:
    """What systemd would hear, in the order of its coming."""

    def __init__(self, host, name):
        with host.inside():
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(name.replace("@", "\0"))
        if name[0] == "/":
            os.chmod(name, 0o777)
        self.heard = []

    def hears(self, state, count=1):
        def enough():
            try:
                while True:
                    self.heard += self.sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard.count(state) >= count

        lab.wait_for(enough, lambda: f"{count} times {state}: {self.heard}")


@pytest.mark.parametrize("name", ["/run/pacd-test-notify", "@pacd-test-notify"])
def test_notify(wire, folder, name):
    """READY when it serves, WATCHDOG at half of the time, STOPPING at the end; a hung main is silent."""
    server, _ = wire
    systemd = NotifySocket(server, name)
    pacd = lab.Pacd(server, folder / "pacd")
    try:
        pacd.start(env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
        systemd.hears("READY=1")
        assert "STATUS=Serving" in systemd.heard
        systemd.hears("WATCHDOG=1", 3)
        pacd.pacctl("drain")
        systemd.hears("STATUS=Draining")
        pacd.process.send_signal(signal.SIGTERM)
        systemd.hears("STOPPING=1")
        assert pacd.process.wait(60) == 0
        assert systemd.heard.count("READY=1") == systemd.heard.count("STOPPING=1") == 1
        assert systemd.heard.index("READY=1") < systemd.heard.index("STOPPING=1")
    finally:
        pacd.kill()
        systemd.sock.close()
        pathlib.Path(name).unlink(missing_ok=True)
