"""Two calls as tcpdump saw them, judged by who has never seen pacd's code: scapy's layers and tshark's dissectors.

Whatever pacd has sent is looked at: control messages octet by octet, GRE headers one by one.
"""

import json
import re
import shutil
import struct
import subprocess

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import GRE_PPTP
from scapy.layers.pptp import PPTP
from scapy.utils import rdpcap

import lab
import pptp

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"
SIZES = {1: 156, 2: 156, 3: 16, 4: 16, 5: 16, 6: 20, 7: 168, 8: 32, 12: 16, 13: 148, 15: 24}
(SCCRQ, SCCRP, STOP_RQ, STOP_RP, ECHO_RQ, ECHO_RP, OCRQ, OCRP, CCRQ, CDN) = (1, 2, 3, 4, 5, 6, 7, 8, 12, 13)
TSHARK_FIELDS = ("frame.number", "ip.src", "pptp.control_message_type", "gre.key.call_id", "gre.key.payload_length",
                 "gre.sequence_number", "gre.ack_number", "gre.proto", "gre.flags_and_version")


class Message:
    """A control message, with its place in the capture (that of its last octet)."""

    def __init__(self, place, client, octets):
        self.place, self.client, self.octets = place, client, octets
        self.packet = PPTP(octets)
        self.kind = self.packet.ctrl_msg_type


class Gre:
    def __init__(self, place, client, octets):
        self.place, self.client, self.octets = place, client, octets
        self.packet = GRE_PPTP(octets)
        self.seq = self.packet.sequence_number if self.packet.seqnum_present else None
        self.ack = self.packet.ack_number if self.packet.acknum_present else None
        self.payload = bytes(self.packet.payload)


class Witness:
    """A capture in pieces: messages of each control connection, and GRE packets, in order."""

    def __init__(self, file):
        self.connections, self.gre = {}, []
        streams = {}
        for place, packet in enumerate(rdpcap(str(file))):
            if IP not in packet:
                continue
            client = packet[IP].src == CLIENT
            if packet[IP].proto == 47:
                octets = bytes(packet[IP])[packet[IP].ihl * 4:packet[IP].len]
                self.gre.append(Gre(place, client, octets))
            elif TCP in packet:
                port = packet[TCP].sport if client else packet[TCP].dport
                self.stream(streams.setdefault((port, client), {}), place, packet, port, client)
        for key, stream in streams.items():
            assert not stream["data"], f"octets behind the last message of {key}: {stream['data']!r}"
        for messages in self.connections.values():
            messages.sort(key=lambda m: m.place)

    def stream(self, stream, place, packet, port, client):
        tcp = packet[TCP]
        if tcp.flags.S:
            stream.update(next=tcp.seq + 1 & 0xFFFFFFFF, data=b"")
            return
        octets = bytes(packet[IP])[packet[IP].ihl * 4 + tcp.dataofs * 4:packet[IP].len]
        if not octets or tcp.seq != stream["next"]:
            return
        stream["next"] = tcp.seq + len(octets) & 0xFFFFFFFF
        stream["data"] += octets
        while len(stream["data"]) >= 2 and len(stream["data"]) >= struct.unpack("!H", stream["data"][:2])[0]:
            length = struct.unpack("!H", stream["data"][:2])[0]
            assert length >= 12
            message, stream["data"] = stream["data"][:length], stream["data"][length:]
            self.connections.setdefault(port, []).append(Message(place, client, message))


def capture(host, dev, file):
    # In immediate mode its ring has slots of the snapshot's size: with the default one only a few.
    process = host.popen("tcpdump", "-U", "--immediate-mode", "-s", "2000", "-B", "16384", "-ni", dev, "-w", file,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    while line and "listening on" not in line:
        line = process.stderr.readline()
    return process


def stop_connection(client):
    """pptp-linux just closes; this PNS sends a Stop-Control-Connection-Request."""
    pns = pptp.connect(client, SERVER)
    pns.send(pptp.sccrq(), pptp.echo(0x12345678), pptp.stop())
    for kind in (pptp.SCCRP, pptp.ECHO_RP, pptp.STOP_RP):
        pns.expect(kind)
    assert pns.eof()
    pns.close()


@pytest.fixture
def evidence(wire, start, dial, folder):
    """The capture, of a call that the client clears, a connection that it stops, and a call that is up when pacd has
    to end; and the sessions of the calls."""
    server, client = wire
    pacd = start(server, ppp__mppe='"allow"', timers="{ echo_idle = 1; echo_reply = 30; }")
    tcpdump = capture(server, "v0a", folder / "wire.pcap")

    def call(options):
        caller = dial(client, SERVER, options=options)
        caller.reach()
        client.ping("10.99.0.1", size=1300)
        (session,) = pacd.sessions()
        (before,) = pacd.ctl("show", "connections")
        lab.wait_for(lambda: all(pacd.ctl("show", "connections")[0][key] >= before[key] + 2
                                 for key in ("messages_in", "messages_out")), "two echoes are exchanged")
        return caller, session

    sessions = []
    caller, session = call(lab.MPPE)
    sessions.append(session)
    lab.transfer(client, server, "10.99.0.1", 100_000)
    lab.transfer(server, client, caller.address(), 100_000)
    caller.stop()
    lab.wait_for(lambda: not pacd.sessions() and not pacd.ctl("show", "connections"), "the first call is over")
    stop_connection(client)
    caller, session = call(("nomppe",))
    sessions.append(session)
    assert pacd.stop() == 0
    caller.wait_end()
    tcpdump.terminate()
    assert "\n0 packets dropped by kernel" in tcpdump.communicate()[1]
    return folder / "wire.pcap", sessions


def check_message(m):
    """MSG-00, -01, -05, -06: sizes, constants, reserved fields; scapy makes the same octets of what it understood."""
    p = m.packet
    assert type(p) is not PPTP, "scapy has a layer for it"
    assert len(m.octets) == p.len == SIZES[m.kind] == len(type(p)())
    assert (p.type, p.magic_cookie) == (1, 0x1A2B3C4D)
    assert type(p)(**p.fields).build() == m.octets
    for field in ("reserved_0", "reserved_1", "reserved_2"):
        assert not p.fields.get(field), (m.kind, field)
    for field in ("host_name", "vendor_string", "call_statistic"):
        if field in p.fields:
            assert re.fullmatch(rb"[ -~]*\0*", p.fields[field]), p.fields[field]


def of_kind(messages, kind, client=False):
    return [m for m in messages if m.kind == kind and m.client == client]


def check_connection(messages, session):
    """CC-03, MSG-07, -08, -11, -12, -17, TIM-02: the answers, in order, with the right ids."""
    sent = [m for m in messages if not m.client]
    for m in sent:
        check_message(m)
    # An echo may come between them: the machine is slow.
    assert [m.kind for m in messages if m.kind not in (ECHO_RQ, ECHO_RP)][:4] == [SCCRQ, SCCRP, OCRQ, OCRP]
    (sccrp,) = of_kind(sent, SCCRP)
    assert (sccrp.packet.protocol_version, sccrp.packet.result_code, sccrp.packet.error_code) == (0x0100, 1, 0)
    assert sccrp.packet.framing_capabilities == 3 and sccrp.packet.bearer_capabilities == 3
    assert sccrp.packet.maximum_channels == 100
    assert sccrp.packet.host_name.rstrip(b"\0") and sccrp.packet.vendor_string.rstrip(b"\0")

    (ocrq,), (ocrp,) = of_kind(messages, OCRQ, client=True), of_kind(sent, OCRP)
    assert ocrp.packet.peer_call_id == ocrq.packet.call_id == session["peer_call_id"]
    assert ocrp.packet.call_id == session["call_id"] != 0
    assert (ocrp.packet.result_code, ocrp.packet.error_code, ocrp.packet.cause_code) == (1, 0, 0)
    assert ocrq.packet.minimum_bps <= ocrp.packet.connect_speed <= ocrq.packet.maximum_bps
    assert ocrp.packet.pkt_window_size == 64

    asked = [m.packet.identifier for m in of_kind(sent, ECHO_RQ)]
    answers = [m.packet.identifier for m in of_kind(messages, ECHO_RP, client=True)]
    assert 2 <= len(asked) == len(set(asked))
    assert answers == asked[:len(answers)] and len(answers) >= len(asked) - 1
    return ocrq, ocrp


def check_end(messages, gre, session, result, cause):
    """CALL-OUT-07, -09, MSG-22: one CDN with the PAC's own id and statistics that agree with what was seen."""
    (cdn,) = of_kind(messages, CDN)
    assert cdn.packet.call_id == session["call_id"]
    assert (cdn.packet.result_code, cdn.packet.error_code, cdn.packet.cause_code) == (result, 0, 0), cause
    text = cdn.packet.call_statistic.rstrip(b"\0").decode()
    match = re.fullmatch(r"seconds=\d+ rx=(\d+)/(\d+) tx=(\d+)/(\d+) lost=0 dup=0", text)
    assert match, text
    sent = [g for g in gre if not g.client and g.seq is not None]
    received = [g for g in gre if g.client and g.seq is not None and g.place < cdn.place]
    packets_in, _, packets_out, octets_out = map(int, match.groups())
    assert packets_out == len(sent) and octets_out == sum(len(g.payload) for g in sent)
    assert len(received) - 3 <= packets_in <= len(received)  # the last ones may have been on their way
    return cdn


def check_gre(gre, ocrq, ocrp, cdn):
    """GRE-01, -04, -07, -20: header bits, lengths, id; numbers from 0 without a hole; no ack of the unsent."""
    sent = [g for g in gre if not g.client]
    assert sent and ocrp.place < sent[0].place and sent[-1].place < cdn.place
    highest, acked, next_seq = None, None, 0
    for g in gre:
        if g.client:
            if g.seq is not None:
                highest = g.seq if highest is None else max(highest, g.seq)
            continue
        p = g.packet
        assert g.octets[:2] in (b"\x30\x01", b"\x30\x81", b"\x20\x81"), g.octets[:2].hex()
        assert p.proto == 0x880B and p.call_id == ocrq.packet.call_id
        assert p.payload_len == len(g.payload) == len(g.octets) - 8 - 4 * p.seqnum_present - 4 * p.acknum_present
        assert bool(p.seqnum_present) == bool(g.payload)
        if g.seq is not None:
            assert g.seq == next_seq
            next_seq += 1
        if g.ack is not None:
            assert highest is not None and g.ack <= highest
            assert acked is None or g.ack >= acked
            acked = g.ack
    assert acked == highest, "all is acknowledged in the end"


def check_mppe_order(gre):
    """RFC 3078: the coherency counts of encrypted frames follow the sequence numbers: pacd has kept pppd's order."""
    counts = [struct.unpack("!H", g.payload[1:3])[0] & 0xFFF for g in gre
              if not g.client and g.payload[:1] == b"\xfd"]
    assert len(counts) > 50
    assert all((b - a) & 0xFFF == 1 for a, b in zip(counts, counts[1:]))


def split_calls(witness, sessions):
    """Each session's connection and GRE packets, told apart by the ids of both sides."""
    for session in sessions:
        ids = {False: session["peer_call_id"], True: session["call_id"]}
        yield (session, witness.connections[session["peer_port"]],
               [g for g in witness.gre if g.packet.call_id == ids[g.client]])


def check_scapy(file, sessions):
    witness = Witness(file)
    calls = list(split_calls(witness, sessions))
    assert len(witness.connections) == 3
    assert sum(len(gre) for _, _, gre in calls) == len(witness.gre), "every GRE packet belongs to a call"
    for session, messages, gre in calls:
        ocrq, ocrp = check_connection(messages, session)
        first = session is sessions[0]
        cdn = check_end(messages, gre, session, *((4, "request") if first else (3, "shutdown")))
        check_gre(gre, ocrq, ocrp, cdn)
    check_mppe_order(calls[0][2])
    (stopped,) = [m for port, m in witness.connections.items() if port not in {s["peer_port"] for s in sessions}]
    for m in of_kind(stopped, SCCRP) + of_kind(stopped, ECHO_RP) + of_kind(stopped, STOP_RP):
        check_message(m)
        assert (m.packet.result_code, m.packet.error_code) == (1, 0)
    assert [m.kind for m in stopped if m.client] == [SCCRQ, ECHO_RQ, STOP_RQ]
    assert [m.kind for m in stopped if not m.client] == [SCCRP, ECHO_RP, STOP_RP]
    assert of_kind(stopped, ECHO_RP)[0].packet.identifier == 0x12345678
    (rq,) = of_kind(calls[1][1], STOP_RQ)
    assert rq.packet.reason == 3 and rq.place > of_kind(calls[1][1], CDN)[0].place


def tshark(file):
    fields = [word for field in TSHARK_FIELDS for word in ("-e", field)]
    done = lab.run("tshark", "-n", "-r", file, "-T", "json", "-Y", f"ip.src == {SERVER} && (gre || pptp)", *fields,
                   "-e", "_ws.malformed", "-e", "_ws.expert", "-e", "_ws.expert.message")
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def check_tshark(file, sessions):
    """No dissector finds fault with what pacd has sent; and it reads the same numbers as scapy."""
    packets = tshark(file)
    ours = [g for g in Witness(file).gre if not g.client]
    control = [p for p in packets if "pptp.control_message_type" in p]
    gre = [p for p in packets if "gre.proto" in p]
    assert len(gre) == len(ours)
    for p in control + gre:
        assert "_ws.malformed" not in p, p
        assert not [m for m in p.get("_ws.expert.message", []) if not m.startswith("Connection finish")], p
    for p, g in zip(gre, ours):
        assert int(p["frame.number"][0]) == g.place + 1
        assert int(p["gre.key.call_id"][0], 0) == g.packet.call_id
        assert int(p["gre.key.payload_length"][0], 0) == len(g.payload)
        assert [int(n, 0) for n in p.get("gre.sequence_number", [])] == ([] if g.seq is None else [g.seq])
        assert [int(n, 0) for n in p.get("gre.ack_number", [])] == ([] if g.ack is None else [g.ack])
    kinds = [int(k, 0) for p in control for k in p["pptp.control_message_type"]]
    assert kinds.count(SCCRP) == 3 and kinds.count(OCRP) == 2 and kinds.count(CDN) == 2
    assert kinds.count(STOP_RP) == 1 and kinds.count(STOP_RQ) == 1
    assert {int(g, 0) for p in gre for g in p["gre.key.call_id"]} == {s["peer_call_id"] for s in sessions}


def test_witnesses(evidence):
    """CC-09, CC-11, TIM-02, MSG-00 to -24 as far as a PAC sends them, GRE-01, -04, -07, -20."""
    file, sessions = evidence
    check_scapy(file, sessions)
    if not shutil.which("tshark"):
        pytest.skip("there is no tshark here; scapy has found no fault")
    check_tshark(file, sessions)
