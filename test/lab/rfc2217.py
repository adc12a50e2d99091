"""An RFC 2217 server for a software modem: a terminal server's port with RI, DCD, DTR.

    side = rfc2217.Server(host, "192.0.2.9", 7001)
    phone.modem(side, ...)

It takes one connection at a time, as a terminal server's port does.
"""

import collections
import contextlib
import socket
import struct

import ports

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, ECHO, SGA, COM_PORT = 0, 1, 3, 44
(SIGNATURE, BAUD, DATASIZE, PARITY, STOPSIZE, CONTROL, NOTIFY_LINE, NOTIFY_MODEM, SUSPEND, RESUME, LINE_MASK,
 MODEM_MASK, PURGE) = range(13)
DCD, RI, DSR, CTS, DELTA_DCD, TRAILING_RI, DELTA_DSR, DELTA_CTS = 0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1
(CONTROL_DTR, CONTROL_DTR_ON, CONTROL_DTR_OFF, CONTROL_RTS, CONTROL_RTS_ON, CONTROL_RTS_OFF) = range(7, 13)


class Server(ports.Side):
    """refuse: the option is not taken (a plain telnet port). loops: answers every WILL and DO, also repeated ones."""

    has_lines = True

    def __init__(self, host=None, address="127.0.0.1", port=0, refuse=False):
        with host.inside() if host else contextlib.nullcontext():
            self.listener = socket.create_server((address, port))
        self.listener.setblocking(False)
        self.address, self.port = self.listener.getsockname()
        self.refuse = refuse
        self.sock, self.held = None, False
        # What tests look at.
        self.connections = 0
        self.asked = collections.Counter()    # (verb, option)
        self.settings = []                    # (suboption, octets)
        self.dtr_on, self.faults = True, []
        self.carrier = False
        self.modem_mask = 255
        self.reset()

    def reset(self):
        self.state, self.verb, self.sub, self.out = "data", None, b"", b""
        self.us, self.him, self.com_port = set(), set(), False

    def open(self):
        self.loop.watch(self.listener.fileno(), self.on_connect)

    def on_connect(self):
        sock, _ = self.listener.accept()
        if self.sock:
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.connections += 1
        self.reset()
        if not self.held:
            self.loop.watch(sock.fileno(), self.on_readable)

    def on_readable(self):
        try:
            data = self.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.receive(data)
        else:
            self.disconnect()

    def disconnect(self):
        """From either side. A port without its client has DTR down."""
        if not self.sock:
            return
        self.loop.watch(self.sock.fileno(), None)
        self.sock.close()
        self.sock = None
        self.modem.dtr(False)

    def break_off(self):
        """The terminal server's connection is lost."""
        self.loop.run(self.disconnect)

    # --- telnet ---

    def receive(self, data):
        plain = bytearray()
        for octet in data:
            step = getattr(self, "in_" + self.state)
            step(octet, plain)
        if plain:
            self.modem.data(bytes(plain))

    def in_data(self, octet, plain):
        if octet == IAC:
            self.state = "iac"
        else:
            plain.append(octet)

    def in_iac(self, octet, plain):
        self.state = "data"
        if octet == IAC:
            plain.append(IAC)
        elif octet in (WILL, WONT, DO, DONT):
            self.verb, self.state = octet, "option"
        elif octet == SB:
            self.sub, self.state = b"", "sub"
        else:
            self.faults.append(("command", octet))

    def in_option(self, octet, plain):
        self.state = "data"
        self.asked[self.verb, octet] += 1
        self.negotiate(self.verb, octet)

    def in_sub(self, octet, plain):
        if octet == IAC:
            self.state = "sub_iac"
        else:
            self.sub += bytes([octet])

    def in_sub_iac(self, octet, plain):
        if octet == IAC:
            self.sub += b"\xff"
            self.state = "sub"
            return
        self.state = "data"
        if octet != SE:
            self.faults.append(("suboption", octet))
        self.suboption(self.sub)

    def negotiate(self, verb, option):
        """RFC 1143 in short: an answer to what changes something, and to nothing else."""
        takes = option in (BINARY, SGA) or (option == COM_PORT and not self.refuse)
        if verb == WILL and option not in self.him:
            if takes:
                self.him.add(option)
            self.send_raw(bytes([IAC, DO if takes else DONT, option]))
            if option == COM_PORT and takes:
                self.com_port = True
                self.tell()
        elif verb == DO and option not in self.us:
            takes = takes and option != COM_PORT  # the client offers it, and it is the server who does it
            if takes:
                self.us.add(option)
            self.send_raw(bytes([IAC, WILL if takes else WONT, option]))
        elif verb in (WONT, DONT):
            (self.him if verb == WONT else self.us).discard(option)

    def suboption(self, sub):
        if len(sub) < 2 or sub[0] != COM_PORT or not self.com_port:
            self.faults.append(("stray suboption", sub))
            return
        kind, value = sub[1], sub[2:]
        self.settings.append((kind, value))
        if kind == CONTROL and value:
            self.control(value[0])
            return
        if kind == MODEM_MASK and value:
            self.modem_mask = value[0]
        lengths = {BAUD: 4, DATASIZE: 1, PARITY: 1, STOPSIZE: 1, LINE_MASK: 1, MODEM_MASK: 1, PURGE: 1}
        if kind in lengths:
            if len(value) != lengths[kind]:
                self.faults.append(("length", sub))
            self.send_sub(kind + 100, value)
        elif kind == SIGNATURE:
            self.send_sub(100, b"test")
        if kind == MODEM_MASK:
            self.tell()

    def control(self, value):
        if value in (CONTROL_DTR_ON, CONTROL_DTR_OFF):
            self.dtr_on = value == CONTROL_DTR_ON
        elif value == CONTROL_DTR:
            value = CONTROL_DTR_ON if self.dtr_on else CONTROL_DTR_OFF
        self.send_sub(CONTROL + 100, bytes([value]))
        self.modem.dtr(self.dtr_on)

    def send_sub(self, kind, value):
        self.send_raw(bytes([IAC, SB, COM_PORT, kind]) + bytes(value).replace(b"\xff", b"\xff\xff") + bytes([IAC, SE]))

    def send_raw(self, data):
        """In order with what waits, all of it."""
        self.out += data
        self.flush()

    def flush(self):
        if not self.sock or not self.out:
            return
        try:
            self.out = self.out[self.sock.send(self.out):]
        except BlockingIOError:
            pass
        except OSError:
            self.out = b""
        if self.out:
            self.loop.after(ports.CHUNK, self.flush)

    # --- what the modem says ---

    def write(self, data):
        if not self.sock:
            return len(data)
        if len(self.out) > 4096:
            return 0
        self.send_raw(data.replace(b"\xff", b"\xff\xff"))
        return len(data)

    def hold(self, on):
        if on != self.held and self.sock:
            self.loop.watch(self.sock.fileno(), None if on else self.on_readable)
        self.held = on

    def tell(self, ringing=False, deltas=0):
        """NOTIFY-MODEMSTATE: the state and what has changed, as far as the mask has it, if that is anything."""
        lines = DSR | CTS | (DCD if self.carrier else 0) | (RI if ringing else 0) | deltas
        if self.com_port and lines & self.modem_mask:
            self.send_sub(NOTIFY_MODEM + 100, bytes([lines & self.modem_mask]))

    def set_carrier(self, on):
        if on != self.carrier:
            self.carrier = on
            self.tell(deltas=DELTA_DCD)

    def ring(self, on):
        self.tell(ringing=on, deltas=0 if on else TRAILING_RI)

    def line_state(self, value):
        """NOTIFY-LINESTATE: overruns and the like."""
        self.loop.run(lambda: self.send_sub(NOTIFY_LINE + 100, bytes([value])))

    def suspend(self, on):
        """FLOWCONTROL-SUSPEND and -RESUME."""
        self.loop.run(lambda: self.send_sub((SUSPEND if on else RESUME) + 100, b""))

    def baud(self):
        """What the client has set last."""
        values = [value for kind, value in self.settings if kind == BAUD]
        return struct.unpack("!I", values[-1])[0] if values else None

    def close(self):
        self.loop.watch(self.listener.fileno(), None)
        self.listener.close()
        if self.sock:
            self.loop.watch(self.sock.fileno(), None)
            self.sock.close()
            self.sock = None
