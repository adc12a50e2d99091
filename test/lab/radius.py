"""FreeRADIUS as conf/freeradius/README sets it up, a scripted server, and what pacd is told of them."""

import hashlib
import hmac
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading

import lab

SHIPPED = lab.TOP / "conf/freeradius"
PASSWORD = "secret1"

# What the tests need beside the shipped users. Cleartext passwords are PASSWORD.
USERS = {
    "plain": "",
    "closed": 'Auth-Type := Reject | Reply-Message = "The account is closed"',
    "strict": "",
    "open": "MS-MPPE-Encryption-Policy = Encryption-Allowed",
    "keyless": "MS-MPPE-Encryption-Policy = Encryption-Required",
    "fixed": "Framed-IP-Address = 10.97.0.10",
    "thief": "Framed-IP-Address = 10.97.0.10",
    "pooled": 'Framed-Pool = "narrow"',
    "late": 'Framed-Pool = "narrow"',
    "lost": 'Framed-Pool = "nowhere"',
    "any": "Framed-IP-Address = 255.255.255.254",
    "chooser": "Framed-IP-Address = 255.255.255.255",
    "router": 'Framed-IP-Address = 10.95.5.1, Framed-IP-Netmask = 255.255.255.0, '
              'Framed-Route = "10.30.0.0/16 0.0.0.0 7", Framed-Route += "10.31.0.0 10.95.5.1 1", '
              'Framed-Route += "this is no route"',
    "rich": 'Framed-MTU = 1000, MS-Primary-DNS-Server = 192.0.2.53, MS-Secondary-DNS-Server = 192.0.2.54, '
            'MS-Primary-NBNS-Server = 192.0.2.55, Filter-Id = "students", Class = "one", Class += "two", '
            'WISPr-Bandwidth-Max-Up = 1000000, WISPr-Bandwidth-Max-Down = 4000000, '
            'Mikrotik-Rate-Limit = "1M/4M", Framed-Interface-Id = 0:0:0:77, '
            'Framed-IPv6-Prefix = 2001:db8:1::/64, Delegated-IPv6-Prefix = 2001:db8:2::/56, '
            'Session-Timeout = 3600, Idle-Timeout = 1800',
    "brief": "Session-Timeout = 4",
    "idler": "Idle-Timeout = 4",
    "single": "Port-Limit = 1",
    "classy": 'Class = "gold", Class += 0x00ff01, Acct-Interim-Interval = 60',
}


def users_text():
    """USERS in the form of FreeRADIUS' users file."""
    entries = []
    for name, text in USERS.items():
        check, _, reply = text.rpartition("|")
        checks = [f'Cleartext-Password := "{PASSWORD}"', *filter(None, [check.strip()])]
        entries.append(f"{name}\t{', '.join(checks)}\n" + (f"\t{reply.strip()}\n" if reply.strip() else ""))
    return "\n" + "\n".join(entries)


def readme():
    """The steps of conf/freeradius/README: {number: its commands}."""
    steps, number = {}, None
    for line in (SHIPPED / "README").read_text().splitlines():
        step = re.match(r"(\d+)\. ", line)
        if step:
            number = int(step[1])
        elif number and line.startswith("    # "):
            steps.setdefault(number, []).append(line[6:])
    return steps


def group(name, text=None):
    """A group of pacd.conf that the README shows, as text in braces."""
    found = re.search(rf"^    {name} = (\{{.*?^    \}});", text or (SHIPPED / "README").read_text(), re.S | re.M)
    return found[1]


class Record(dict):
    """One of a detail file: attributes by name. Of those that come several times list() has all."""

    def __init__(self, block):
        super().__init__()
        self.pairs = []
        for line in block.splitlines()[1:]:
            name, _, value = line.strip().partition(" = ")
            self.pairs.append((name, value.strip('"')))
            self.setdefault(name, value.strip('"'))

    def list(self, name):
        return [value for key, value in self.pairs if key == name]

    def octets(self, direction):
        return int(self[f"Acct-{direction}-Octets"]) + (int(self.get(f"Acct-{direction}-Gigawords", 0)) << 32)

    @property
    def kind(self):
        return self.get("Acct-Status-Type")


class FreeRadius:
    """A FreeRADIUS with a configuration of its own, made by the steps of the README, in a host of its own."""

    def __init__(self, host, address, nas):
        self.host, self.address, self.nas = host, address, nas
        self.folder = pathlib.Path(f"/etc/freeradius/{host.name}")
        self.process = None
        self.seen = {}
        shutil.rmtree(self.folder, ignore_errors=True)
        lab.run("cp", "-a", "/etc/freeradius/3.0", self.folder)
        main = self.folder / "radiusd.conf"
        text = re.sub(r"(?m)^(raddbdir = ).*$", rf"\g<1>{self.folder}", main.read_text())
        main.write_text(re.sub(r"(?m)^(logdir = ).*$", rf"\g<1>{self.folder}/log", text))
        for folder in ("log", "log/radacct", "log/radacct/pacd"):  # two requests at once may not make one each
            lab.run("install", "-d", "-o", "freerad", "-g", "freerad", self.folder / folder)
        self.follow(1, 2, 3, 4)
        self.secret = re.search(r'secret = "(.*)"', (self.folder / "sites-available/pacd").read_text())[1]
        with open(self.folder / "mods-config/pacd/users", "a") as users:
            users.write(users_text())
        (self.folder / "mods-enabled/pacd_requests").symlink_to("../mods-available/pacd_requests")

    def follow(self, *steps, check=True, cwd=SHIPPED):
        """Does what the README says there, but for packages and services; returns what it printed."""
        lines = [f"fr={self.folder}", f"secret={getattr(self, 'secret', '')}"]
        for step in steps:
            for line in readme()[step]:
                line = re.sub(r"^fr=.*", f"fr={self.folder}", line)
                line = re.sub(r"^pacd=.*", f"pacd={self.nas}", line)
                if not re.match("apt-get|systemctl", line):
                    lines.append(line)
        done = self.host.run("bash", "-euc", "\n".join(lines), cwd=cwd, check=check)
        return done.stdout + done.stderr

    def start(self):
        """PACD_RADIUSD: more options for freeradius, as -xx."""
        log = self.folder / "log/radius.log"
        log.unlink(missing_ok=True)
        more = os.environ.get("PACD_RADIUSD", "").split()
        self.process = self.host.popen("freeradius", "-f", *more, "-d", self.folder, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lab.wait_for(lambda: self.process.poll() is not None or "Ready to process" in self.log(), "FreeRADIUS serves")
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        log = self.folder / "log/radius.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self):
        """From now on it is silent."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """From now on its ports are closed."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def password(self, user):
        """Of one of the shipped users."""
        text = (self.folder / "mods-config/pacd/users").read_text()
        return re.search(rf'^{user}\t.*Password := "([^"]*)"', text, re.M)[1]

    def text(self, name):
        return "".join(path.read_text(errors="replace")
                       for path in sorted((self.folder / "log/radacct/pacd").glob(f"{name}-*")))

    def forget(self):
        """records() and requests() begin here."""
        self.seen = {name: len(self.text(name)) for name in ("detail", "requests")}

    def parsed(self, name, match):
        """The last one may be half written."""
        whole = self.text(name)[self.seen.get(name, 0):].rpartition("\n\n")[0].strip("\n")
        wanted = {key.replace("_", "-"): value for key, value in match.items()}
        found = [Record(block) for block in whole.split("\n\n") if block]
        return [r for r in found if all(r.get(k) == str(v) for k, v in wanted.items())]

    def records(self, **match):
        """Accounting records in the order of their coming; an underscore in a keyword stands for the hyphen."""
        return self.parsed("detail", match)

    def requests(self, **match):
        return self.parsed("requests", match)

    def wait_records(self, count=1, deadline=lab.DEADLINE, **match):
        lab.wait_for(lambda: len(self.records(**match)) >= count,
                     lambda: f"{count} records with {match}\n{self.text('detail')[self.seen.get('detail', 0):]}",
                     deadline)
        return self.records(**match)

    def radclient(self, command, text, secret, check=True, options=("-r", "1", "-t", "10")):
        """Sends a request to pacd; returns what radclient says of the answer."""
        if "Message-Authenticator" not in text:
            text += ", Message-Authenticator = 0x00"
        done = self.host.run("radclient", "-x", *options, f"{self.nas}:3799", command, secret, input=text + "\n",
                             check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def remove(self):
        if self.process and self.process.poll() is None:
            self.thaw()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


DAS_SECRET = "of-the-one-who-disconnects"


def das(client="10.20.0.11", listen="10.20.0.1:3799", **more):
    settings = "".join(f" {key} = {value};" for key, value in more.items())
    return (f'{{ listen = [ "{listen}" ]; clients = ( {{ host = "{client}"; secret = "{DAS_SECRET}"; '
            f'require_message_authenticator = true; }} );{settings} }}')


def server_text(address, secret, **more):
    more = {"timeout": "2", "retries": "2", "require_message_authenticator": '"yes"', **more}
    return f'{{ host = "{address}"; secret = "{secret}"; ' + "".join(f"{k} = {v}; " for k, v in more.items()) + "}"


def settings(folder, *servers, acct="", nas="10.20.0.1", **radius):
    """For start(): logins by these servers (FreeRadius, or texts of server_text()), and accounting."""
    texts = [s if isinstance(s, str) else server_text(s.address, s.secret) for s in servers]
    return {
        "aaa.method": '"radius"',
        "radius.servers": f"( {', '.join(texts)} )",
        "radius.nas_identifier": '"lab"',
        "radius.nas_ip_address": f'"{nas}"',
        "radius.dead_time": "2",
        "radius.acct": f'{{ spool = "{folder}/spool"; {acct} }}',
        **{f"radius.{key}": value for key, value in radius.items()},
    }


def servers(pacd, role="auth"):
    """`show radius`: {address: its record}; an IPv6 address is in brackets."""
    return {r["name"].rsplit(":", 1)[0]: r for r in pacd.ctl("show", "radius") if r["role"] == role}


# --- a server that is scripted ---

(ACCESS_REQUEST, ACCEPT, REJECT, ACCT_REQUEST, ACCT_RESPONSE, CHALLENGE, STATUS) = (1, 2, 3, 4, 5, 11, 12)
(COA_REQUEST, COA_ACK) = (43, 44)


def attribute(kind, value):
    return bytes([kind, 2 + len(value)]) + value


class Request:
    def __init__(self, packet, sender, secret):
        self.code, self.id, self.length = struct.unpack("!BBH", packet[:4])
        self.authenticator, self.sender, self.secret = packet[4:20], sender, secret.encode()
        self.attributes, at = [], 20
        while at < self.length:
            self.attributes.append((packet[at], packet[at + 2:at + packet[at + 1]]))
            at += packet[at + 1]

    def get(self, kind):
        return next((value for found, value in self.attributes if found == kind), None)

    def all(self, kind):
        return [value for found, value in self.attributes if found == kind]

    def password(self):
        """RFC 2865 section 5.2."""
        last, plain, hidden = self.authenticator, b"", self.get(2)
        for at in range(0, len(hidden), 16):
            key = hashlib.md5(self.secret + last).digest()
            last = hidden[at:at + 16]
            plain += bytes(a ^ b for a, b in zip(last, key))
        return plain.rstrip(b"\0")

    def reply(self, code, *attributes, identifier=None, sign=True, spoil_signature=False, spoil_authenticator=False,
              raw=b""):
        """A reply that is right but for what the keywords ask for; raw goes behind the attributes as it is."""
        identifier = self.id if identifier is None else identifier
        body = b"".join(attributes) + raw
        length = 20 + len(body) + (18 if sign else 0)
        head = struct.pack("!BBH", code, identifier, length)
        if sign:
            unsigned = head + self.authenticator + attribute(80, bytes(16)) + body
            mac = hmac.new(self.secret, unsigned, "md5").digest()
            if spoil_signature:
                mac = bytes(b ^ 0xFF for b in mac)
            body = attribute(80, mac) + body
        answer = hashlib.md5(head + self.authenticator + body + self.secret).digest()
        if spoil_authenticator:
            answer = bytes(b ^ 0xFF for b in answer)
        return head + answer + body


class Scripted:
    """A server that answers each request with the packets that answer(request) returns."""

    def __init__(self, host, address, secret, answer, port=1812):
        self.secret, self.answer, self.requests = secret, answer, []
        with host.inside():
            self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            packet, sender = self.sock.recvfrom(4096)
            if not packet:
                return
            request = Request(packet, sender, self.secret)
            self.requests.append(request)
            for reply in self.answer(request) or ():
                self.sock.sendto(reply, sender)

    def close(self):
        """An empty datagram to itself ends the thread."""
        self.sock.sendto(b"", self.sock.getsockname())
        self.thread.join(10)
        self.sock.close()
