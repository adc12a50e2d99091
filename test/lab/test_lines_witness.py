"""What pacd says to a PNS, read by others: scapy and tshark (MSG-00, -01, -05, -17, -18, -20, -22, -23)."""

import json
import shutil

import lab
import lines
import pytest
from lines import HOME1
from modem import Answer
from test_witness import Witness, capture

pytest_plugins = ("lines_fixtures",)

PAC = "192.0.2.1"
SIZES = {1: 156, 2: 156, 3: 16, 4: 16, 5: 16, 6: 20, 8: 32, 9: 220, 11: 28, 13: 148, 14: 40}


@pytest.fixture
def evidence(office, start, phone, modems, pns_at, folder):
    """A capture of two calls, one from a line and one to a line, and the PNS's own reading of them."""
    server, home, _, _ = office
    pns = pns_at(home, HOME1, sli=0)
    (m,) = modems(1)
    plan = lines.group(match="*", group="default", **{"from": [HOME1]})
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1), dialplan=[plan], wan_error_interval="1"))
    lines.wait_state(pacd, "idle")
    tcpdump = capture(server, "v0a", folder / "wire.pcap")
    bad = r"\176\377\175\043\300\041\175\041\175\041\001\002\176"
    call = phone.call(m, calling="5551234", speed=31200, user=["sh", "-c", f"sleep 1; printf '{bad}'; sleep 1000"])
    pns.received("WEN")
    (icrq,) = pns.all("ICRQ")
    pns.tell(f"sli {icrq.conn} peer={icrq.call_id} send=0x000a0000 receive=0")
    call.hang_up()
    pns.received("CDN")
    lines.all_free(pacd)
    phone.numbers["5559876"] = Answer(speed=28800)
    pns.tell(f"ocrq {icrq.conn} call=4711 number=5559876")
    pns.received("OCRP")
    pns.tell(f"ccrq {icrq.conn} call=4711")
    pns.received("CDN", count=2)
    assert pacd.stop() == 0
    tcpdump.terminate()
    assert "\n0 packets dropped by kernel" in tcpdump.communicate()[1]
    return folder / "wire.pcap", pns


NAMES = {7: "OCRQ", 8: "OCRP", 9: "ICRQ", 10: "ICRP", 11: "ICCN", 13: "CDN", 14: "WEN", 15: "SLI"}


def text(octets):
    return octets.rstrip(b"\0").decode()


def of_pacd(file):
    """Messages of pacd's: the PNS has the address that test_witness calls the client's."""
    (messages,) = Witness(file).connections.values()
    return [m for m in messages if not m.client]


def check_message(m):
    """Sizes, constants, reserved fields; scapy makes the same octets of what it understood."""
    p = m.packet
    assert len(m.octets) == p.len == SIZES[m.kind]
    assert (p.type, p.magic_cookie) == (1, 0x1A2B3C4D)
    assert type(p)(**p.fields).build() == m.octets
    for field in ("reserved_0", "reserved_1", "reserved_2"):
        assert not p.fields.get(field), (m.kind, field)


def test_scapy(evidence):
    file, pns = evidence
    found = {}
    for m in of_pacd(file):
        check_message(m)
        found.setdefault(m.kind, []).append(m.packet)
    assert {1, 8, 9, 11, 13, 14} <= set(found), found.keys()
    (icrq,), (iccn,), (wen, *_), (ocrp,) = found[9], found[11], found[14], found[8]
    (icrp,) = pns.sent("ICRP")
    assert icrq.bearer_type == 1 and text(icrq.dialed_number) == str(lines.NUMBER)
    assert text(icrq.dialing_number) == "5551234" and text(icrq.subaddress) == ""
    assert (icrq.dialed_number_len, icrq.dialing_number_len) == (7, 7)
    assert icrq.call_id == icrp.peer_call_id
    assert (iccn.peer_call_id, iccn.connect_speed, iccn.framing_type) == (icrp.call_id, 31200, 1)
    assert iccn.pkt_window_size == 4
    assert wen.peer_call_id == icrp.call_id and wen.crc_errors >= 1
    assert wen.framing_errors == wen.hardware_overruns == wen.alignment_errors == 0
    assert (ocrp.peer_call_id, ocrp.result_code, ocrp.error_code, ocrp.connect_speed) == (4711, 1, 0, 28800)
    assert [c.call_id for c in found[13]] == [icrq.call_id, ocrp.call_id]
    assert [c.result_code for c in found[13]] == [1, 4]

def test_tshark(evidence):
    """No dissector finds fault with it, and it reads what the PNS has read."""
    if not shutil.which("tshark"):
        pytest.skip("there is no tshark here")
    file, pns = evidence
    fields = [w for f in ("pptp.control_message_type", "pptp.call_id", "pptp.peer_call_id", "pptp.connect_speed",
                          "pptp.framing_type", "pptp.bearer_type", "pptp.dialed_number", "pptp.dialing_number",
                          "_ws.malformed", "_ws.expert.message") for w in ("-e", f)]
    done = lab.run("tshark", "-n", "-r", file, "-T", "json", "-Y", f"ip.src == {PAC} && pptp", *fields)
    packets = [p["_source"]["layers"] for p in json.loads(done.stdout)]
    for p in packets:
        assert "_ws.malformed" not in p, p
        assert not [m for m in p.get("_ws.expert.message", []) if not m.startswith("Connection")], p
    by = {}
    for p in packets:
        for kind in p["pptp.control_message_type"]:
            by.setdefault(int(kind, 0), []).append(p)
    (icrq,), (iccn,) = by[9], by[11]
    (event,) = pns.all("ICRQ")
    assert int(icrq["pptp.call_id"][0], 0) == event.call_id
    assert icrq["pptp.dialed_number"][0].rstrip("\0") == event.dialed
    assert icrq["pptp.dialing_number"][0].rstrip("\0") == event.dialing
    assert int(iccn["pptp.connect_speed"][0], 0) == 31200 and int(iccn["pptp.framing_type"][0], 0) == 1
    for kind, name in NAMES.items():
        if kind in by:
            assert len(by[kind]) == len(pns.all(name)), name
