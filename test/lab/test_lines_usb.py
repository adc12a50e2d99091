"""A real tty with DCD and DSR: the kernel's USB loopback, a serial gadget behind the cdc-acm driver.

ttyACM0 is the modem line, ttyGS0 the modem's side. RI and DTR do not pass it.
"""

import os
import pathlib
import subprocess

import lab
import lines
import ports
import pytest
from lines import HOME1
from modem import Answer

pytest_plugins = ("lines_fixtures",)

MODULES = (("dummy_hcd",), ("cdc-acm",), ("g_serial", "use_acm=1"))


@pytest.fixture(scope="module")
def usb():
    """The device of the modem line."""
    for words in MODULES:
        if subprocess.run(["modprobe", *words], check=False, capture_output=True).returncode:
            pytest.skip(f"this kernel has no {words[0]}: no USB loopback")
    lab.wait_for(lambda: os.path.exists("/dev/ttyACM0") and os.path.exists("/dev/ttyGS0"), "the USB loopback is there")
    yield pathlib.Path("/dev/ttyACM0")
    for words in reversed(MODULES):
        subprocess.run(["modprobe", "-r", words[0]], check=False, capture_output=True)


@pytest.fixture
def usb_line(usb, office, start, phone):
    """pacd with that line, and its modem."""
    m = phone.modem(ports.Device("/dev/ttyGS0"), number="5550100", quiet_end=True)
    line = lines.group(name="usb1", type="tty", device=str(usb), control="modem", flow="none", retry=2)
    pacd = start(office[0], **lines.settings(line, dialplan=[lines.group(match="*", group="default",
                                                                         **{"from": [HOME1]})]))
    lines.wait_state(pacd, "idle")
    assert lines.shown(pacd, "usb1")["control"] == "modem-lines"
    return pacd, m


def test_dial_in(office, usb_line, phone, pns_at, user_at):
    """Frames both ways; the loss of the carrier is seen at DCD, without any text."""
    pacd, m = usb_line
    pns = pns_at(office[1], HOME1, auth="mschapv2")
    for turn in (1, 2):
        user = user_at(office[3], auth="mschapv2")
        call = phone.call(m, calling="5551234", user=user.argv)
        user.wait_up()
        lines.both_ways(user, pns)
        call.hang_up()
        assert pns.received("CDN", count=turn).result == 1
        user.wait_end()
        lines.all_free(pacd)


def test_dial_out(office, usb_line, phone, pns_at):
    pacd, m = usb_line
    phone.numbers["5559876"] = Answer(speed=28800)
    pns = pns_at(office[1], pppd=0)
    conn = pns.connect("192.0.2.1")
    pns.tell(f"ocrq {conn} call=1 number=5559876")
    ocrp = pns.received("OCRP")
    assert (ocrp.result, ocrp.speed) == (1, 28800)
    phone.loop.run(m.carrier_lost)
    assert pns.received("CDN").result == 1
    lines.all_free(pacd)


def test_device_goes_and_comes(usb_line):
    """Unplugged: out of service, and said so; plugged in again: in service."""
    pacd, m = usb_line
    m.phone.loop.run(m.side.close)
    subprocess.run(["modprobe", "-r", "g_serial"], check=True)
    lab.wait_for(lambda: lines.shown(pacd, "usb1")["state"] in ("closed", "failed"), "it is out of service")
    assert lines.shown(pacd, "usb1").get("last_error")
    subprocess.run(["modprobe", *MODULES[2]], check=True)
    lab.wait_for(lambda: os.path.exists("/dev/ttyGS0"), "it is plugged in")
    m.phone.loop.run(m.side.open)
    lines.wait_state(pacd, "idle")
