"""Fixtures of the tests with real lines: pytest_plugins = ("lines_fixtures",)."""

import os
import pathlib

import modem
import ports
import pytest
from lines import HOME1, HOME2, NUMBER, Pns, User


@pytest.fixture
def office(net):
    """The hosts: pacd's, with cables to two PNSs, and a caller's, who has none."""
    os.makedirs("/run/lock", exist_ok=True)  # where lock files are; the lab's /run is empty
    server, home1, home2 = net.host("srv"), net.host("home1"), net.host("home2")
    net.cable(server, "192.0.2.1/24", home1, f"{HOME1}/24")
    net.cable(server, "192.0.3.1/24", home2, f"{HOME2}/24")
    for host, address in ((home1, "192.0.2.1"), (home2, "192.0.3.1")):
        host.reach(address)
    return server, home1, home2, net.host("caller")


@pytest.fixture
def pns_at(tmp_path):
    """pns_at(host, address, ...): a running PNS, ended after the test."""
    made = []
    for name in ("chap-secrets", "pap-secrets"):
        path = pathlib.Path("/etc/ppp") / name
        path.write_text('alice * wonderland *\nbob * builder *\n')
        path.chmod(0o600)

    def start(host, address=None, **kw):
        pns = Pns(host, tmp_path, kw.pop("name", f"pns{len(made) + 1}"), address, **kw)
        made.append(pns)
        return pns

    yield start
    for pns in made:
        pns.stop()
        print(f"--- {pns.out}\n{pns.text()[-8000:]}")


@pytest.fixture
def phone():
    """The telephone network."""
    network = modem.Phone()
    yield network
    network.stop()
    for m in network.modems[:4]:
        print(f"--- modem {m.number}: {m.log[-40:]}")
    assert network.loop.fault is None


@pytest.fixture
def modems(phone, tmp_path):
    """modems(n): n modems on the ptys that tty_lines() names, with numbers from NUMBER on."""
    def make(count, **how):
        return [phone.modem(ports.Pty(tmp_path / f"tty{i + 1}"), number=str(NUMBER + i), **how) for i in range(count)]

    return make


@pytest.fixture
def user_at(tmp_path):
    users = []

    def make(host, **kw):
        users.append(User(host, tmp_path, **kw))
        return users[-1]

    yield make
    for user in users:
        print(f"--- {user.log_file}\n{user.log()[-4000:]}")
