"""The systemd unit as shipped: a systemd of our own runs it, installed by `make install`, with real calls.

The systemd is PID 1 of namespaces that stand in the server's network. It sees few units, for speed; what it says is in
its journal. Each test starts from a service that runs, and leaves one.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import lab
import pytest

SYSTEMD = "/lib/systemd/systemd"
USERS = 'users = ( { name = "alice"; secret = "wonderland"; } );\n'
LOCAL = "192.168.238.1"  # of the sample configuration's pool
WATCHDOG_S = 6
POLITE_S = 15 + 27  # the sample's drain, and what the root part adds to it at most
EXPOSURE_MAX = 5.0  # systemd-analyze security; 10 is the worst
MODULES = ("pptp", "pppoe", "pppox", "ppp_mppe", "ppp_synctty", "ppp_async", "ppp_generic")
UNITS = ("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket", "basic.target",
         "sysinit.target", "sockets.target", "shutdown.target", "umount.target", "network.target",
         "network-online.target", "multi-user.target")

# In the order that counts: a cgroup with processes of its own has no controllers below it, so only systemd goes there.
BOOT = r"""
set -e
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/$NAME
echo '+cpu +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control || :
exec unshare --mount --pid --fork --kill-child --uts --ipc sh -ec '
    echo 0 >/sys/fs/cgroup/$NAME/cgroup.procs
    exec unshare --cgroup --mount sh -ec "
        umount /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mount -t proc proc /proc
        mount -t tmpfs -o mode=755 tmpfs /run
        mkdir -p /run/pppd /run/lock /run/units
        cp -r \$UNITS/. /run/units
        for folder in system-generators system-environment-generators; do
            mount -t tmpfs none /usr/lib/systemd/\$folder
        done
        mount --bind /dev/null /dev/console
        exec env -i PATH=\$PATH container=lab SYSTEMD_UNIT_PATH=/run/units \
            /lib/systemd/systemd --system --unit=lab.target --log-target=journal --show-status=false
    "
'
"""

LAB_TARGET = "[Unit]\nDescription=lab\nRequires=basic.target\nWants=systemd-journald.service\nAfter=basic.target\n"
DROP_IN = f"[Service]\nWatchdogSec={WATCHDOG_S}\n"
SCRIPT = '#!/bin/sh\n{ echo "sixth=$6"; env; } >/run/scripts/%s\n'


def make_variable(name):
    """Of the Makefile of the build, expanded."""
    text = (lab.BUILD / "Makefile").read_text()

    def value(word):
        found = re.search(rf"^{word} = (.*)$", text, re.M).group(1)
        return re.sub(r"\$\{(\w+)\}", lambda m: value(m.group(1)), found)

    return pathlib.Path(value(name))


def pid_status(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))


class Systemd:
    """A systemd as PID 1 of its own namespaces, in the network of a host."""

    def __init__(self, host, folder):
        units = folder / "units"
        units.mkdir()
        for name in UNITS:
            (units / name).symlink_to(f"/lib/systemd/system/{name}")
        (units / "lab.target").write_text(LAB_TARGET)
        self.group = f"pacd-lab-{os.getpid()}"
        self.output = folder / "systemd.log"
        with open(self.output, "wb") as log:
            self.process = host.popen("sh", "-c", BOOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      env={**os.environ, "NAME": self.group, "UNITS": str(units)})
        self.pid = lab.wait_for(self.find, lambda: f"systemd is there\n{self.output.read_text()}", 30)

    def wait_up(self):
        lab.wait_for(lambda: self.path("/run/systemd/private").exists(), "systemd listens", 60)
        lab.wait_for(lambda: self.show("lab.target", "ActiveState")["ActiveState"] == "active", "systemd is up", 60)

    def find(self):
        assert self.process.poll() is None, self.output.read_text()
        return next((pid for pid in lab.children(self.process.pid) if lab.command_name(pid) == "systemd"), None)

    def path(self, path):
        """What is path there."""
        return pathlib.Path(f"/proc/{self.pid}/root{path}")

    def run(self, *argv, **kw):
        return lab.run("nsenter", "-t", self.pid, "-a", "--", *argv, **kw)

    def ctl(self, *words, **kw):
        return self.run("systemctl", *words, **kw)

    def add_unit(self, name, content):
        path = self.path(f"/run/units/{name}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    def show(self, unit, *properties):
        text = self.ctl("show", unit, "-p", ",".join(properties), check=False).stdout
        return {**dict.fromkeys(properties, ""), **dict(line.split("=", 1) for line in text.splitlines())}

    def journal(self, unit="pacd"):
        return self.run("journalctl", "-q", "-u", unit, "-o", "cat", "--no-pager", check=False).stdout

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()  # unshare, whose end is that of PID 1
        self.process.wait(30)
        lab.wait_for(lambda: not os.path.exists(f"/proc/{self.pid}"), "systemd is gone")


class Service:
    """pacd.service and what belongs to it."""

    def __init__(self, systemd, client):
        self.systemd, self.client = systemd, client
        self.pacctl_program = make_variable("sbindir") / "pacctl"

    def root_pid(self):
        return next((p for p in lab.children(self.systemd.pid) if lab.command_name(p) == "pacd"), None)

    def child(self, name):
        """Under its number outside of the namespaces, as all here."""
        return next((p for p in lab.children(self.root_pid()) if lab.command_name(p) == name), None)

    def state(self):
        return self.show("ActiveState")["ActiveState"]

    def show(self, *properties):
        return self.systemd.show("pacd", *properties)

    def start(self):
        self.systemd.ctl("start", "pacd")

    def pacctl(self, *words):
        return self.systemd.run(self.pacctl_program, *words).stdout

    def logged(self, event):
        return [line for line in self.systemd.journal().splitlines() if re.search(rf"(^|: ){event} ", line)]

    def reload(self):
        before = len(self.logged("reloaded"))
        self.systemd.ctl("reload", "pacd")
        lab.wait_for(lambda: len(self.logged("reloaded")) > before, lambda: f"reloaded\n{self.systemd.journal()}")

    def comes_back(self, old):
        """Its processes are other ones, and it takes a call."""
        gone = lambda: not any(os.path.exists(f"/proc/{pid}") for pid in old)  # noqa: E731
        lab.wait_for(lambda: gone() and self.state() == "active", "the service is back", 30)

    def script(self, name):
        """The variables that the script of that name has left."""
        path = self.systemd.path(f"/run/scripts/{name}")
        lab.wait_for(lambda: path.exists() and "PATH=" in path.read_text(), f"{name} has run")
        return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)

    def forget_scripts(self):
        for path in self.systemd.path("/run/scripts").iterdir():
            path.unlink()


def install():
    """`make install`, and an operator's next steps. Returns the unit file's text."""
    lab.run("userdel", "pacd", check=False)  # conftest's
    lab.run("make", "-s", "-j2", "-C", lab.BUILD, "install", timeout=100)
    lab.run("systemd-sysusers", make_variable("sysusersdir") / "pacd.conf")
    users = make_variable("sysconfdir") / "pacd/users"
    assert users.stat().st_mode & 0o777 == 0o600
    users.write_text(USERS)
    for name in ("ip-up", "ip-down"):
        path = pathlib.Path(f"/etc/ppp/{name}.d/0pacd-test")
        path.write_text(SCRIPT % name)
        path.chmod(0o755)
    return (make_variable("systemdsystemunitdir") / "pacd.service").read_text()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if not os.path.exists(SYSTEMD) or not shutil.which("nsenter"):
        pytest.skip("there is no systemd here to run the unit")
    network = lab.Network()
    server, client = network.host("sd-srv"), network.host("sd-cli")
    network.cable(server, "192.0.2.1/24", client, "192.0.2.2/24")
    systemd = None
    try:
        systemd = Systemd(server, tmp_path_factory.mktemp("systemd"))
        unit = install()  # while systemd boots
        systemd.wait_up()
        systemd.add_unit("pacd.service", unit)
        systemd.add_unit("pacd.service.d/lab.conf", DROP_IN)
        systemd.ctl("daemon-reload")
        systemd.path("/run/scripts").mkdir()
        yield Service(systemd, client)
    finally:
        for name in ("ip-up", "ip-down"):
            pathlib.Path(f"/etc/ppp/{name}.d/0pacd-test").unlink(missing_ok=True)
        if systemd:
            systemd.stop()
        network.clear()


@pytest.fixture
def service(machine):
    if machine.state() != "active":
        machine.systemd.ctl("reset-failed", "pacd", check=False)
        machine.start()
    machine.forget_scripts()
    yield machine
    print(f"--- journal\n{machine.systemd.journal()[-20000:]}")


def call(service, dial):
    caller = dial(service.client, "192.0.2.1", options=lab.MPPE)
    caller.reach(LOCAL)
    assert service.pacctl("--json", "show", "sessions").count('"mppe_bits":128') == 1
    return caller


def test_files(machine):
    """The account that sysusers makes; systemd's own opinion of the unit."""
    account = lab.run("getent", "passwd", "pacd").stdout.strip().split(":")
    assert int(account[2]) < 1000
    assert account[5:] == ["/nonexistent", "/usr/sbin/nologin"]
    unit = machine.systemd.path("/run/units/pacd.service")
    done = lab.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
    assert "pacd" not in done.stdout + done.stderr
    threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
    done = lab.run("systemd-analyze", "security", "--offline=yes", "--no-pager", threshold, unit, check=False)
    print(done.stdout[-200:])
    assert done.returncode == 0, done.stdout


def test_start_waits_for_ready(machine):
    """Active when main says READY, not before; and the unit's own modprobe brings what PPP needs."""
    if os.environ.get("PACD_LAB") == "vm":  # another lab's modules are its host's
        lab.run("modprobe", "-r", "-a", *MODULES)
        assert not os.path.exists("/sys/module/ppp_generic")
    conf = make_variable("sysconfdir") / "pacd/pacd.conf"
    sample = conf.read_text()
    slow = pathlib.Path("/usr/local/sbin/slow-pppd")
    slow.write_text("#!/bin/sh\nuntil [ -e /run/scripts/go ]; do sleep 0.1; done\nexec /usr/sbin/pppd \"$@\"\n")
    slow.chmod(0o755)
    try:
        conf.write_text(sample.replace("ppp = {", f'ppp = {{ pppd = "{slow}";'))
        machine.systemd.ctl("start", "--no-block", "pacd")
        lab.wait_for(lambda: machine.root_pid() and lab.children(machine.root_pid()), "the start-up check runs")
        assert machine.state() == "activating"
        machine.systemd.path("/run/scripts/go").touch()
        lab.wait_for(lambda: machine.state() != "activating", "it has started")
    finally:
        conf.write_text(sample)
    assert machine.show("ActiveState", "SubState", "NRestarts", "StatusText") == {
        "ActiveState": "active", "SubState": "running", "NRestarts": "0", "StatusText": "Serving"}
    assert os.path.exists("/sys/module/ppp_mppe")
    machine.reload()
    slow.unlink()


def test_call_and_reload(service, dial):
    """A call with MPPE-128; ip-up; what main may; secrets; reloads, a good and a bad one; the watchdog is fed."""
    pids = service.root_pid(), service.child("pacd-main")
    started = time.monotonic()
    caller = call(service, dial)
    service.client.ping(LOCAL, size=1372)
    up = service.script("ip-up")
    assert up["sixth"] == up["PPP_IPPARAM"] == "192.0.2.2"

    status = pid_status(pids[1])
    uid = lab.run("id", "-u", "pacd").stdout.strip()
    gid = lab.run("id", "-g", "pacd").stdout.strip()
    ids = [status[key].split() for key in ("Uid", "Gid", "Groups")]
    assert ids == [[uid] * 4, [gid] * 4, [gid]]
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    for pid in (*pids, service.child("pppd")):
        for name in ("environ", "cmdline"):
            path = f"/proc/{pid}/{name}"
            assert b"wonderland" not in pathlib.Path(path).read_bytes()
            assert name == "cmdline" or lab.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                                "cat", path, check=False).returncode
    owner = service.systemd.path("/run/pacd/control.sock").stat()
    assert (owner.st_uid, owner.st_mode & 0o777) == (0, 0o660)

    service.reload()
    users = make_variable("sysconfdir") / "pacd/users"
    users.chmod(0o644)
    refused = service.systemd.ctl("reload", "pacd", check=False)
    users.chmod(0o600)
    assert refused.returncode
    assert "chmod 600" in service.systemd.journal()
    assert service.show("ActiveState", "StatusText") == {"ActiveState": "active", "StatusText": "Serving"}
    caller.reach(LOCAL)

    lab.wait_for(lambda: time.monotonic() > started + WATCHDOG_S + 2, "the watchdog's time has passed")
    assert service.show("NRestarts")["NRestarts"] == "0"
    assert (service.root_pid(), service.child("pacd-main")) == pids


def test_killed(service, dial):
    """It comes back by itself, with no process of the old run, and takes calls; with main killed the scripts run."""
    caller = call(service, dial)
    for victim in ("pacd-main", "pacd"):
        old = [service.root_pid(), *lab.children(service.root_pid())]
        os.kill(service.child(victim) or service.root_pid(), signal.SIGKILL)
        service.comes_back(old)
        caller.stop()
        if victim == "pacd-main":
            assert service.script("ip-down")["PPP_IPPARAM"] == "192.0.2.2"
            caller = call(service, dial)


def test_stop_is_polite(service, dial):
    """The peer is told, ip-down runs with the reason, all ends in time and by itself; nothing is left."""
    caller = call(service, dial)
    started = time.monotonic()
    service.systemd.ctl("stop", "pacd", timeout=POLITE_S + 20)
    assert time.monotonic() - started < POLITE_S
    caller.wait_end()
    assert service.show("ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    ending = service.systemd.journal().rpartition("Stopping pacd.service")[2]
    assert "pacd.service: Deactivated successfully." in ending and "SIGKILL" not in ending
    assert "reason=shutdown" in service.logged("call-down")[-1]
    assert not service.logged("stop-forced")
    down = service.script("ip-down")
    assert (down["PPP_IPPARAM"], down["PACD_REASON"]) == ("192.0.2.2", "shutdown")
    assert not service.systemd.path("/run/pacd").exists()
    assert not [p for p in lab.children(service.systemd.pid) if lab.command_name(p) in ("pacd", "pacd-main", "pppd")]


def test_hangs(service):
    """The watchdog ends a main that does nothing any more."""
    old = [service.root_pid(), *lab.children(service.root_pid())]
    os.kill(service.child("pacd-main"), signal.SIGSTOP)
    service.comes_back(old)
    assert "watchdog" in service.systemd.journal().lower()


def test_bad_start(service):
    """`systemctl start` fails at once, and the journal says what to do."""
    users = make_variable("sysconfdir") / "pacd/users"
    service.systemd.ctl("stop", "pacd")
    users.chmod(0o644)
    done = service.systemd.ctl("start", "pacd", check=False)
    users.chmod(0o600)
    assert done.returncode
    assert f"{users}: it holds secrets, but its mode 0644 lets others at it: chmod 600 it" in service.systemd.journal()
    lab.wait_for(lambda: service.state() == "active", "it starts once the file is good")
