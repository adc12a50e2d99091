"""What the lab tests are made of: network namespaces, pacd, and real PPTP clients.

Everything runs as root under a kernel that has PPP (scripts/lab). A test that waits, waits for a
condition with a deadline: wait_for().
"""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PACD_BUILD", TOP / "build"))
PACD = BUILD / "pacd/pacd"
PACCTL = BUILD / "pacd/pacctl"
PLUGIN = pathlib.Path(os.environ.get("PACD_PLUGIN", BUILD / "pacd/plugin/.libs/pacd.so"))

DEADLINE = float(os.environ.get("PACD_LAB_DEADLINE", "60"))  # emulated machines are slow


def run(*argv, check=True, timeout=120, **kw):
    """Runs a command to its end and returns the CompletedProcess with text output."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, text=True, capture_output=True, timeout=timeout, **kw)
    if check and done.returncode:
        raise AssertionError(f"{shlex.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_for(condition, what, deadline=DEADLINE):
    """Polls until condition() is true, and returns its value."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:.0f} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def setns(fd):
    """os.setns() is younger than Debian 12's Python."""
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


class Netns:
    """A host of the test network: a network namespace."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(self, *argv, **kw):
        return run(*self.argv(*argv), **kw)

    def popen(self, *argv, **kw):
        return subprocess.Popen(self.argv(*argv), **kw)

    def ip(self, *argv):
        return run("ip", "-n", self.name, *argv)

    def sysctl(self, key, value):
        self.run("sysctl", "-qw", f"{key}={value}")

    def reach(self, address, deadline=DEADLINE):
        """Waits for the first answer: the two ends of a link do not come up in the same moment."""
        wait_for(lambda: self.ping(address, count=1, check=False).returncode == 0, f"{address} answers", deadline)

    def ping(self, address, count=3, check=True, size=56, interval="0.2"):
        return self.run("ping", "-n", "-c", count, "-i", interval, "-W", "5", "-s", size, address, check=check)

    @contextlib.contextmanager
    def inside(self):
        """Sockets that are made in this block belong to this host."""
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        other = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            setns(other)
            yield
        finally:
            setns(own)
            os.close(own)
            os.close(other)

    def interfaces(self):
        return [link["ifname"] for link in json.loads(self.ip("-j", "link", "show").stdout or "[]")]

    def remove(self):
        pids = run("ip", "netns", "pids", self.name, check=False).stdout.split()
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        run("ip", "netns", "del", self.name, check=False)


class Network:
    """Namespaces and the cables between them; all removed at the end of the test."""

    def __init__(self):
        self.hosts = {}
        self.cables = itertools.count()

    def host(self, name):
        if name not in self.hosts:
            self.hosts[name] = Netns(name)
        return self.hosts[name]

    def cable(self, a, address_a, b, address_b):
        """Joins two hosts; the addresses are CIDR texts. Returns the two interface names."""
        n = next(self.cables)
        dev_a, dev_b = f"v{n}a", f"v{n}b"
        run("ip", "link", "add", dev_a, "netns", a.name, "type", "veth", "peer", "name", dev_b, "netns", b.name)
        for host, dev, address in ((a, dev_a, address_a), (b, dev_b, address_b)):
            host.ip("addr", "add", address, "dev", dev)
            host.ip("link", "set", dev, "up")
        return dev_a, dev_b

    def clear(self):
        for host in self.hosts.values():
            host.remove()
        self.hosts.clear()


class Sniffer:
    """What passes one interface of a host, in both directions."""

    def __init__(self, host, dev):
        with host.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.sock.bind((dev, 0))
        self.sock.setblocking(False)

    def frames(self):
        """All that came since the last look."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.sock.recv(65536))
        return found


def transfer(source, target, address, size, deadline=DEADLINE):
    """Moves that many random octets over TCP from one host to an address of another; they must come whole."""
    with target.inside():
        listener = socket.create_server((address, 0))
    with source.inside():
        out = socket.socket()
    listener.settimeout(deadline)
    out.settimeout(deadline)
    out.connect(listener.getsockname())
    connection, _ = listener.accept()
    connection.settimeout(deadline)
    data = os.urandom(size)
    got = []

    def receive():
        got.extend(iter(lambda: connection.recv(65536), b""))

    reader = threading.Thread(target=receive, daemon=True)
    reader.start()
    out.sendall(data)
    out.shutdown(socket.SHUT_WR)
    reader.join(deadline)
    assert b"".join(got) == data, f"{sum(map(len, got))} of {size} octets came"
    for sock in (out, connection, listener):
        sock.close()


def load_nft(host, wan):
    """conf/pacd.nft with the name of that host's outer interface."""
    rules = (TOP / "conf/pacd.nft").read_text()
    assert rules.count('define wan = "eth0"') == 1
    run("modprobe", "-a", "nf_nat_pptp", "nf_conntrack_pptp", check=False)  # a direct lab has them loaded, or built in
    host.run("nft", "-f", "-", input=rules.replace('"eth0"', f'"{wan}"'))


USERS = """
users = (
    { name = "alice"; secret = "wonderland"; },
    { name = "bob"; secret = "builder"; },
    { name = "carol"; nt_hash = "8846f7eaee8fb117ad06bdd830b7586c"; }
);
"""  # carol's hash is that of "password"

CONF = {
    "max_channels": "100",
    "user": '"pacd"',
    "log": '{ target = "stderr"; level = "debug"; }',
    "login_delay": "0",
    "drain": "20",
    "ppp.pppd": '"/usr/sbin/pppd"',
    "ppp.plugin": f'"{PLUGIN}"',
    "pools": '( { name = "main"; local = "10.99.0.1"; ranges = [ "10.99.0.10-10.99.0.250" ]; } )',
}


def conf_text(settings):
    """A dict of dotted names and libconfig values as text."""
    groups, lines = {}, []
    for key, value in settings.items():
        if value is None:
            continue
        if "." in key:
            group, name = key.split(".", 1)
            groups.setdefault(group, []).append(f"{name} = {value};")
        else:
            lines.append(f"{key} = {value};")
    lines += [f"{group} = {{ {' '.join(items)} }};" for group, items in groups.items()]
    return "\n".join(lines) + "\n"


class Pacd:
    """A pacd of our own in a namespace, with its files in a folder of the test's."""

    def __init__(self, host, folder, users=USERS, **settings):
        self.host, self.folder = host, pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.conf_file = self.folder / "pacd.conf"
        self.users_file = self.folder / "users"
        self.log_file = self.folder / "pacd.log"
        self.socket = self.folder / "control.sock"
        self.settings = dict(CONF)
        self.settings["control_socket"] = f'"{self.socket}"'
        self.settings["aaa.users"] = f'"{self.users_file}"'
        self.configure(users=users, **settings)
        self.process = None

    def configure(self, users=None, **settings):
        """Writes the files; a double underscore in a keyword stands for the dot."""
        for key, value in settings.items():
            self.settings[key.replace("__", ".")] = value
        self.conf_file.write_text(conf_text(self.settings))
        if users is not None:
            self.users_file.write_text(users)
        self.users_file.chmod(0o600)

    def start(self, wait=True, env=None, command=None):
        log = open(self.log_file, "ab")
        argv = command or [PACD, "-f", "-c", self.conf_file]
        self.process = self.host.popen(*argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**os.environ, **(env or {})})
        log.close()
        if wait:
            wait_for(lambda: self.serving() or self.process.poll() is not None, "pacd serves")
            assert self.process.poll() is None, self.log()
        return self

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def serving(self):
        return self.logged("serving")

    def logged(self, event, **fields):
        """The log lines of that event whose fields have these values."""
        found = []
        for line in self.log().splitlines():
            match = re.search(rf"(?:^|: ){re.escape(event)} (.*)", line)
            if match and all(f"{k}={v}" in match.group(1).split() for k, v in fields.items()):
                found.append(match.group(1))
        return found

    def wait_log(self, event, deadline=DEADLINE, count=1, **fields):
        wait_for(lambda: len(self.logged(event, **fields)) >= count,
                 lambda: f"log line {event} {fields}\n{self.log()}", deadline)
        return self.logged(event, **fields)

    def ctl(self, *words, check=True):
        """pacctl with --json: the parsed answer."""
        done = self.pacctl("--json", *words, check=check)
        return json.loads(done.stdout) if done.stdout.strip() else []

    def pacctl(self, *words, check=True):
        return self.host.run(PACCTL, "--socket", self.socket, *words, check=check)

    def sessions(self):
        return self.ctl("show", "sessions")

    def status(self):
        return self.ctl("show", "status")

    def main_pid(self):
        """The unprivileged process."""
        for pid in children(self.root_pid()):
            if command_name(pid) == "pacd-main":
                return pid
        return None

    def root_pid(self):
        return self.process.pid  # `ip netns exec` executes its command in its own place

    def pppds(self):
        return [pid for pid in children(self.root_pid()) if "pppd" in command_name(pid)]

    def stop(self, deadline=DEADLINE):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(deadline)
        return self.process.returncode if self.process else None

    def kill(self):
        if self.process and self.process.poll() is None:
            for pid in [*self.pppds(), self.main_pid(), self.root_pid()]:
                if pid:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            self.process.wait(30)


def children(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def command_name(pid):
    try:
        argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return os.path.basename(argv[0].decode(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Client:
    """A pptp-linux client: pppd with pptp as its pty program, in a host of its own."""

    numbers = itertools.count()

    def __init__(self, host, server, folder, user="alice", password="wonderland", options=(), pptp=(), shared=None):
        self.host, self.server = host, server
        n = next(self.numbers)
        self.ifname = f"vpn{n}"
        self.log_file = pathlib.Path(folder) / f"client{n}.log"
        # pptp shares one control connection between its calls to one server by a socket in
        # /var/run/pptp: clients that should not share it get a folder of their own.
        self.run_folder = shared or pathlib.Path(folder) / f"pptp{n}"
        self.run_folder.mkdir(exist_ok=True)
        pptp_command = shlex.join(["pptp", str(server), "--nolaunchpppd", *map(str, pptp)])
        self.argv = ["pppd", "pty", pptp_command, "user", user, "password", password, "ifname", self.ifname,
                     "noauth", "nodetach", "nodefaultroute", "noipdefault", "nolock", "local", "nobsdcomp",
                     "nodeflate", "logfile", str(self.log_file), "debug", "lcp-echo-interval", "0",
                     "ip-up-script", "/bin/true", "ip-down-script", "/bin/true", *map(str, options)]
        self.process = None

    def start(self):
        script = f"mkdir -p /var/run/pptp && mount --bind {self.run_folder} /var/run/pptp && exec {shlex.join(self.argv)}"
        self.process = self.host.popen("unshare", "-m", "sh", "-c", script, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def up(self):
        return "remote IP address" in self.log() or "remote IPCP" in self.log()

    def wait_up(self, deadline=DEADLINE):
        wait_for(lambda: self.up() or self.process.poll() is not None,
                 lambda: f"client is up\n{self.log()}", deadline)
        assert self.process.poll() is None, self.log()
        return self

    def wait_end(self, deadline=DEADLINE):
        self.process.wait(deadline)
        return self.process.returncode

    def reach(self, address="10.99.0.1", deadline=DEADLINE):
        """Waits for an answer through this very tunnel: other clients of its host may have the same far end."""
        ping = ("ping", "-n", "-c", "1", "-W", "2", "-I", self.ifname, address)
        wait_for(lambda: self.host.run(*ping, check=False).returncode == 0, f"{address} answers {self.ifname}",
                 deadline)

    def address(self):
        found = re.findall(r"local  IP address (\S+)", self.log())
        return found[-1] if found else None

    def stop(self, deadline=DEADLINE):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        return self.process.returncode


MPPE = ("require-mppe-128",)
