"""Real lines: the test PNS, users who dial in, and what pacd is told of them. Its fixtures are in lines_fixtures.py.

    caller -- modem -- (pty, tcp) -- srv: pacd 192.0.2.1, 192.0.3.1 -- home1: PNS 192.0.2.2, home2: PNS 192.0.3.2
"""

import itertools
import os
import pathlib
import re
import signal
import socket
import subprocess

import lab

PNS = pathlib.Path(os.environ.get("PACD_PNS", lab.BUILD / "test/pns/pns"))
HOME1, HOME2 = "192.0.2.2", "192.0.3.2"
NUMBER = 5550100  # of the first modem

# Of the user's side and of the PNS's side. Whatever is not given, pppd takes from /etc/ppp/options.
QUIET = ("nobsdcomp", "nodeflate", "nodefaultroute", "noproxyarp", "lcp-echo-interval", "0", "ip-up-script",
         "/bin/true", "ip-down-script", "/bin/true")
HOME_AUTH = {
    "pap": ("auth", "require-pap", "nomppe"),
    "mschapv2": ("auth", "refuse-pap", "refuse-chap", "refuse-mschap", "require-mschap-v2", "require-mppe-128"),
    "none": ("noauth", "nomppe"),
}
USER_AUTH = {
    "pap": ("refuse-chap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap", "nomppe"),
    "mschapv2": ("require-mppe-128", "refuse-eap"),
    "none": ("nomppe",),
}


# --- the PNS ---


class Event(dict):
    """A line of the PNS: its word, and its fields as numbers or texts."""

    def __init__(self, line):
        super().__init__()
        self.text = line
        self.word, _, rest = line.partition(" ")
        for key, value in re.findall(r'(\w+)=("[^"]*"|\S*)', rest):
            if value.startswith('"'):
                self[key] = re.sub(r"\\x(..)", lambda m: chr(int(m[1], 16)), value.strip('"'))
            elif re.fullmatch(r"-?\d+|0x[0-9a-f]+", value):
                self[key] = int(value, 0)
            else:
                self[key] = value

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{name} in {self.text}") from None


class Pns:
    """A running PNS in a host. Keywords are settings of test/pns; `auth` is one of HOME_AUTH."""

    def __init__(self, host, folder, name, address=None, auth="none", options=(), users="10.98.0.10",
                 local="10.98.0.1", **settings):
        self.host, self.name, self.address = host, name, address
        self.out = pathlib.Path(folder) / f"{name}.events"
        self.options = pathlib.Path(folder) / f"{name}.options"
        self.options.write_text(option_lines(("name", name, *QUIET, *HOME_AUTH[auth], *options)))
        argv = [PNS, "-n", name, "-o", self.options, "-a", f"{local}:{users}"]
        argv += ["-l", address] if address else []
        for key, value in settings.items():
            argv += ["-s", f"{key}={value}"]
        with open(self.out, "wb") as out:
            self.process = host.popen(*argv, stdin=subprocess.PIPE, stdout=out, stderr=out, text=True, bufsize=1)
        lab.wait_for(lambda: self.events("serving") or self.process.poll() is not None, "the PNS serves")
        assert self.process.poll() is None, self.text()
        self.local = local

    def text(self):
        return self.out.read_text(errors="replace")

    def events(self, word=None, after=0, **match):
        """Those of a word with these fields; after: from that one on, as mark() gives it."""
        lines = self.text().split("\n")[:-1]
        found = [Event(line) for line in lines[after:]]
        return [e for e in found if word in (None, e.word) and all(e.get(k) == v for k, v in match.items())]

    def mark(self):
        return self.text().count("\n")

    def wait(self, word, count=1, deadline=lab.DEADLINE, after=0, **match):
        """The last of `count` of them, once they are there."""
        lab.wait_for(lambda: len(self.events(word, after, **match)) >= count,
                     lambda: f"{count} events {word} {match} of {self.name}\n{self.text()[-6000:]}", deadline)
        return self.events(word, after, **match)[count - 1]

    def received(self, kind, count=1, **match):
        """A message of the PAC's."""
        return self.wait("in", count, type=kind, **match)

    def all(self, kind, after=0, **match):
        return self.events("in", after, type=kind, **match)

    def sent(self, kind, after=0, **match):
        return self.events("out", after, type=kind, **match)

    def tell(self, command):
        """Does it, and fails where it makes no sense."""
        mark = self.mark()
        self.process.stdin.write(command + "\n")
        lab.wait_for(lambda: self.events("done", mark) or self.events("wrong", mark), f"{self.name} does {command}")
        assert not self.events("wrong", mark), command

    def set(self, **settings):
        for key, value in settings.items():
            self.tell(f"set {key}={value}")

    def connect(self, address, source=None):
        """A control connection to a PAC, established; its number."""
        mark = self.mark()
        self.tell(f"connect {address}" + (f" from={source}" if source else ""))
        made = self.wait("conn", after=mark, by="us")
        self.wait("in", after=mark, type="SCCRP", conn=made.id, result=1)
        return made.id

    def kill(self):
        """At once, as by a crash: the kernel closes its connections."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
            self.process.stdin.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process.stdin.close()


def option_lines(words):
    """Words as an options file: a value stands behind its option."""
    takes = {"name", "ip-up-script", "ip-down-script", "lcp-echo-interval", "asyncmap", "mtu", "mru", "ms-dns"}
    words, text = [str(w) for w in words], []
    while words:
        word = words.pop(0)
        text.append(f"{word} {words.pop(0)}" if word in takes else word)
    return "\n".join(text) + "\n"


# --- users ---


class User:
    """A dialled-in user, or one who is dialled: pppd in a host of its own, started by the modem on its pty."""

    numbers = itertools.count()

    def __init__(self, host, folder, auth="none", name="alice", password="wonderland", options=()):
        n = next(self.numbers)
        self.host, self.ifname = host, f"dial{n}"
        self.log_file = pathlib.Path(folder) / f"user{n}.log"
        self.argv = host.argv("pppd", "115200", "local", "nolock", "nocrtscts", "nodetach", "noauth", "noipdefault",
                              "user", name, "password", password, "ifname", self.ifname, "debug", "logfile",
                              self.log_file, *QUIET, *USER_AUTH[auth], *options)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_up(self, deadline=2 * lab.DEADLINE):
        lab.wait_for(lambda: "remote IP address" in self.log() or self.ended(),
                     lambda: f"the user is up\n{self.log()}", deadline)
        assert not self.ended(), self.log()
        return self

    def address(self):
        return re.findall(r"local  IP address (\S+)", self.log())[-1]

    def ended(self):
        return "Connection terminated." in self.log() or "Exit." in self.log()

    def wait_end(self):
        lab.wait_for(self.ended, lambda: f"the user's pppd ends\n{self.log()}")


def both_ways(user, pns):
    """Packets from each end reach the other."""
    user.host.reach(pns.local)
    user.host.ping(pns.local)
    pns.host.ping(user.address())
    pns.host.ping(user.address(), count=2, size=1000)


# --- configuration ---


def value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (list, tuple)):
        return f"[ {', '.join(map(value, v))} ]"
    return str(v) if isinstance(v, (int, float)) else f'"{v}"'


def group(**items):
    return "{ " + " ".join(f"{k} = {value(v)};" for k, v in items.items()) + " }"


def lines(*groups):
    return f"( {', '.join(groups)} )"


def tty_lines(folder, count, **more):
    """Those of modems(): m1, m2 ... on the ptys tty1, tty2 ... in that folder."""
    return group(name="m%", type="tty", device=f"{folder}/tty%", count=count, **{"retry": 2, **more})


PNS_SETTINGS = {"offer_timeout": 20, "backoff": 0.1}


def settings(*groups, routes=(HOME1,), dialplan=None, pns=None, **more):
    """For start(). routes: the PNSs of all rings, in order; or groups, as texts."""
    texts = [r for r in routes if r.startswith("{")] or [group(pns=list(routes))] if routes else []
    return {
        "lines": lines(*groups),
        "routes": lines(*texts) if texts else None,
        "dialplan": lines(*dialplan) if dialplan else None,
        "pns": group(**{**PNS_SETTINGS, **(pns or {})}),
        **more,
    }


def shown(pacd, name=None):
    """`pacctl show lines`: a record for each, or that one."""
    records = pacd.ctl("show", "lines")
    return next(r for r in records if r["name"] == name) if name else records


def wait_state(pacd, state, count=1, deadline=lab.DEADLINE):
    lab.wait_for(lambda: [r["state"] for r in shown(pacd)].count(state) >= count,
                 lambda: f"{count} lines {state}: "
                         f"{[(r['name'], r['state'], r.get('last_error')) for r in shown(pacd)]}", deadline)


def all_free(pacd, deadline=lab.DEADLINE):
    """No session is left, and every line can be used again."""
    lab.wait_for(lambda: not pacd.sessions(), lambda: f"no session is left: {pacd.sessions()}", deadline)
    wait_state(pacd, "idle", count=len(shown(pacd)), deadline=deadline)
    assert pacd.status()["channels"] == 0


def connected(host, address, port):
    """A TCP connection out of a host."""
    with host.inside():
        sock = socket.socket()
    sock.settimeout(lab.DEADLINE)
    sock.connect((address, port))
    return sock
