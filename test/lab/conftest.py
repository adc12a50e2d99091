"""Fixtures of the lab tests."""

import os
import pathlib
import subprocess

import pytest

import lab
import radius


def pytest_configure():
    if not os.path.exists("/dev/ppp"):
        pytest.exit("there is no /dev/ppp here: run this through scripts/lab", 2)
    # The lab's changes to the system are forgotten at its end.
    subprocess.run(["useradd", "-r", "-s", "/usr/sbin/nologin", "pacd"], check=False, capture_output=True)


@pytest.fixture
def net():
    network = lab.Network()
    yield network
    network.clear()


@pytest.fixture
def wire(net):
    """A server and a client host on one cable: 192.0.2.1 and 192.0.2.2."""
    server, client = net.host("srv"), net.host("cli")
    net.cable(server, "192.0.2.1/24", client, "192.0.2.2/24")
    return server, client


@pytest.fixture
def start(tmp_path):
    """start(host, **settings): a running pacd, ended after the test; its log is shown when the test fails."""
    running = []

    def start_pacd(host, wait=True, users=lab.USERS, name="pacd", **settings):
        pacd = lab.Pacd(host, tmp_path / name, users=users, **settings)
        running.append(pacd)
        pacd.start(wait=wait)
        return pacd

    yield start_pacd
    for pacd in running:
        pacd.kill()
        print(f"--- {pacd.log_file}\n{pacd.log()[-20000:]}")


@pytest.fixture
def dial(tmp_path):
    """dial(host, server, ...): a started pptp-linux client, ended after the test."""
    clients = []

    def start_client(host, server, wait=True, **kw):
        client = lab.Client(host, server, tmp_path, **kw)
        clients.append(client)
        client.start()
        return client.wait_up() if wait else client

    yield start_client
    for client in clients:
        client.stop(deadline=10)
        print(f"--- {client.log_file}\n{client.log()[-6000:]}")


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    return tmp_path


# --- RADIUS ---


@pytest.fixture(scope="session")
def radius_host():
    """The host of the RADIUS server, the same for all tests: 10.20.0.11 once it is on a cable."""
    host = lab.Netns("rad")
    yield host
    host.remove()


@pytest.fixture(scope="session")
def radius_server(radius_host):
    """FreeRADIUS; set up once for all tests, since that takes an emulated machine half a minute."""
    server = radius.FreeRadius(radius_host, "10.20.0.11", "10.20.0.1")
    server.start()
    yield server
    server.remove()


@pytest.fixture
def isp(wire, net, radius_host):
    """The server and client of `wire`; the server, as 10.20.0.1, has a cable to 10.20.0.11."""
    server, client = wire
    _, dev = net.cable(server, "10.20.0.1/24", radius_host, "10.20.0.11/24")
    server.reach("10.20.0.11")
    yield server, client
    radius_host.ip("link", "del", dev)


@pytest.fixture
def freeradius(radius_server):
    """FreeRADIUS, running; what tests before this one left in its files is forgotten."""
    if radius_server.process.poll() is not None:
        radius_server.start()
    radius_server.thaw()
    radius_server.forget()
    yield radius_server
    print(f"--- {radius_server.folder}\n{radius_server.log()[-3000:]}\n{radius_server.text('detail')[-6000:]}")
