"""Software modems, and the telephone network behind them.

One thread bears them all, 50 and more. A modem's serial side is a pty (ports.Pty), a device that exists (ports.Device),
or an RFC 2217 server (rfc2217.Server); its other side is a Phone, which rings it, and answers what it dials:

    phone = modem.Phone()
    m = phone.modem(ports.Pty(folder / "tty0"), number="5550100")
    call = phone.call(m, calling="5551234", user=["pppd", ...])   # rings until it is answered
    phone.numbers["5559876"] = modem.Answer(user=["pppd", ...])   # what dialling that number leads to

The user is a command on a pty of its own; what it and the modem have for each other passes at the line's speed.
"""

import collections
import dataclasses
import fcntl
import os
import subprocess
import termios
import time
import tty

from ports import CHUNK, Loop, cancel

# --- the user's side ---


class User:
    """The dialled-in user, or the one who was dialled: a command on a pty; without one, somebody who says nothing."""

    def __init__(self, argv, speed=115200):
        self.master, slave = os.openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        attributes[4] = attributes[5] = termios.B115200
        attributes[2] |= termios.CLOCAL
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.set_blocking(self.master, False)
        fcntl.fcntl(self.master, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        self.process, self.slave, self.open = None, slave, True
        if argv:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=slave,
                                            stderr=subprocess.DEVNULL, start_new_session=True)
            os.close(slave)
            self.slave = None

    def read(self, size):
        """None: nothing now; b"": over."""
        try:
            return os.read(self.master, size)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data):
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def close(self):
        """It sees a hang-up."""
        if self.open:
            self.open = False
            os.close(self.master)
            if self.slave is not None:
                os.close(self.slave)


class Relay:
    """Octets between a modem in data mode and its user, at the line's speed in each direction (10 bits an octet)."""

    def __init__(self, modem, user, speed):
        self.modem, self.user = modem, user
        self.loop, self.side = modem.loop, modem.side
        self.rate = speed / 10
        self.chunk = max(16, int(self.rate * CHUNK))
        self.up, self.down = b"", b""  # to the user, to the line
        self.up_timer = self.down_timer = None
        self.octets_up = self.octets_down = 0
        self.watch()

    def watch(self):
        self.loop.watch(self.user.master, self.on_user)

    def on_user(self):
        data = self.user.read(self.chunk)
        if data is None:
            return
        if not data:
            self.modem.carrier_lost()
            return
        self.loop.watch(self.user.master, None)
        self.down = data
        self.octets_down += len(data)
        self.down_timer = self.loop.after(len(data) / self.rate, self.to_line)

    def to_line(self):
        self.down = self.down[self.side.write(self.down):]
        if self.down:  # the other side is in no hurry: its flow control
            self.down_timer = self.loop.after(CHUNK, self.to_line)
        else:
            self.watch()

    def from_line(self, data):
        self.up += data
        self.octets_up += len(data)
        if not self.up_timer:
            self.pace()

    def pace(self):
        part = self.up[:self.chunk]
        self.side.hold(len(self.up) > self.chunk)
        self.up_timer = self.loop.after(len(part) / self.rate, lambda: self.to_user(part)) if part else None

    def to_user(self, part):
        self.up = self.up[self.user.write(part):]
        self.pace()

    def close(self):
        cancel(self.up_timer)
        cancel(self.down_timer)
        self.loop.watch(self.user.master, None)
        self.side.hold(False)
        self.user.close()


# --- modem ---


@dataclasses.dataclass
class Answer:
    """What dialling a number leads to.

    kind: "connect", "busy", "no-dialtone", "no-answer", "no-carrier", "error"; "silence": nothing ever.
    """

    kind: str = "connect"
    user: list = None
    speed: int = 33600
    connect: str = None  # behind CONNECT; None: the speed
    after: float = 0.3   # seconds
    times: int = None    # so often; then the number is busy


WORDS = {"busy": "BUSY", "no-dialtone": "NO DIALTONE", "no-answer": "NO ANSWER", "no-carrier": "NO CARRIER",
         "error": "ERROR"}


class Modem:
    """States: "command", "ringing" (and in command mode), "answering", "dialling", "connected", "online", "escaped".

    Misbehaviour, each to be set at any time: silent: it hears nothing and says nothing; garbage: octets before every
    answer; delay: seconds before every answer, echoes too; pieces: seconds between the octets of an answer; deaf_to:
    commands (their starts) that get no answer; quiet_end: no NO CARRIER text.
    """

    def __init__(self, phone, side, number, **settings):
        self.phone, self.loop, self.side, self.number = phone, phone.loop, side, number
        self.silent, self.garbage, self.delay, self.pieces, self.deaf_to = False, b"", 0, 0, ()
        self.quiet_end = False
        self.echo, self.verbose, self.guard = True, True, 0.9
        self.answer_time = 0.2
        self.state, self.line, self.out = "command", b"", b""
        self.call = self.relay = self.timer = self.out_timer = None
        self.last_data, self.plus, self.plus_timer = 0.0, b"", None
        self.dtr_on = True
        # What tests look at.
        self.commands, self.dialled, self.log = [], [], []
        self.answered = self.hung_up = self.dtr_drops = 0
        for name, value in settings.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        side.attach(self.loop, self)

    def note(self, text):
        self.log.append((round(time.monotonic(), 3), text))

    # --- octets to the serial side, in command mode ---

    def say(self, data):
        if self.silent:
            return
        if self.delay:
            self.loop.after(self.delay, lambda: self.put(data))
        else:
            self.put(data)

    def put(self, data):
        self.out += data
        if not self.out_timer:
            self.flush()

    def flush(self):
        self.out_timer = None
        part = self.out[:1] if self.pieces else self.out
        taken = self.side.write(part)
        self.out = self.out[taken:]
        if self.out:
            self.out_timer = self.loop.after(self.pieces if taken and self.pieces else CHUNK, self.flush)

    def result(self, text):
        self.note(text)
        codes = {"OK": "0", "RING": "2", "NO CARRIER": "3", "ERROR": "4", "NO DIALTONE": "6", "BUSY": "7",
                 "NO ANSWER": "8"}
        frame = f"\r\n{text}\r\n" if self.verbose else f"{codes.get(text, '1')}\r"
        self.say(self.garbage + frame.encode())

    # --- octets from it ---

    def data(self, data):
        if self.silent:
            return
        if self.state == "online":
            self.online_data(data)
            return
        if self.state in ("answering", "dialling", "connected"):  # any octet ends it
            self.note("abandoned")
            self.drop(say="NO CARRIER")
            return
        if self.echo:
            self.say(data)
        for octet in data:
            if octet in (13, 10):
                line, self.line = self.line.decode("latin-1").strip(), b""
                if line:
                    self.command(line)
            elif octet in (8, 127):
                self.line = self.line[:-1]
            else:
                self.line += bytes([octet])

    def online_data(self, data):
        now = time.monotonic()
        cancel(self.plus_timer)
        self.plus_timer = None
        if not self.plus and now - self.last_data < self.guard:
            self.plus = b""
        elif self.plus + data in (b"+", b"++", b"+++"):
            self.plus += data
            if self.plus == b"+++":
                self.plus_timer = self.loop.after(self.guard, self.escape)
        else:
            self.plus = b""
        self.last_data = now
        self.relay.from_line(data)

    def escape(self):
        self.plus = b""
        if self.state == "online":
            self.state = "escaped"
            self.result("OK")

    def dtr(self, on):
        """Where the serial side sees it."""
        if self.dtr_on and not on:
            self.dtr_drops += 1
            self.note("DTR off")
            self.line = b""
            if self.state != "command":
                self.drop(say=None if self.state == "ringing" else "OK")
        self.dtr_on = on

    # --- commands ---

    def command(self, line):
        line = line[max(0, line.upper().rfind("AT")):]
        if not line.upper().startswith("AT"):
            return
        self.commands.append(line)
        self.note(line)
        if any(line.upper().startswith(start.upper()) for start in self.deaf_to):
            return
        rest = line[2:].strip()
        while rest:
            letter, rest = rest[0].upper(), rest[1:]
            if letter == "D":
                self.dial(rest)
                return
            if letter == "A":
                self.answer()
                return
            if letter == "O":
                self.back_online()
                return
            rest = self.setting(letter, rest)
            if rest is None:
                self.result("ERROR")
                return
        self.result("OK")

    def setting(self, letter, rest):
        """Does one command; what stands behind it, or None."""
        if letter in "+#*":
            return rest.partition(";")[2]
        if letter in "&%\\-":
            letter, rest = letter + rest[:1].upper(), rest[1:]
        digits = len(rest) - len(rest.lstrip("0123456789"))
        value, rest = rest[:digits], rest[digits:]
        if letter == "S":
            return rest.lstrip("=?0123456789")
        if letter == "E":
            self.echo = value == "1"
        elif letter == "V":
            self.verbose = value != "0"
        elif letter in ("H", "Z", "&F"):
            if letter != "H":
                self.echo = self.verbose = True
            if self.state != "ringing":  # that one goes on: it is on hook
                self.drop(say=None)
        elif letter.strip("&%\\-") not in tuple("BCDFGIJKLMNQPRSTUVWXYZ"):
            return None
        return rest

    def answer(self):
        if self.state != "ringing":
            self.result("NO CARRIER")
            return
        self.state = "answering"
        self.answered += 1
        self.call.answered()
        self.timer = self.loop.after(self.answer_time, lambda: self.online(self.call.answer))

    def dial(self, number):
        number = number.lstrip("TPtp").strip().rstrip(";")
        self.dialled.append(number)
        if self.state != "command":
            self.result("ERROR")
            return
        self.state = "dialling"
        answer = self.phone.answer_to(number)
        self.note(f"dials {number}: {answer.kind}")
        if answer.kind == "connect":
            self.timer = self.loop.after(answer.after, lambda: self.online(answer))
        elif answer.kind != "silence":
            self.timer = self.loop.after(answer.after, lambda: self.drop(say=WORDS[answer.kind]))

    def back_online(self):
        if self.state != "escaped":
            self.result("NO CARRIER")
            return
        self.result("CONNECT")
        self.state = "online"

    # --- calls ---

    def rings(self, call):
        if self.state != "command":
            return False
        self.call, self.state = call, "ringing"
        self.ring(0)
        return True

    def ring(self, n):
        if self.state != "ringing":
            return
        self.side.ring(True)
        self.loop.after(min(0.2, self.call.interval / 2), lambda: self.side.ring(False))
        if self.call.text:
            self.result("RING")
        if n == 0 and self.call.text:
            for text in self.call.id_lines():
                self.say(f"\r\n{text}\r\n".encode())
        self.call.rung = n + 1
        self.timer = self.loop.after(self.call.interval, lambda: self.ring(n + 1))

    def online(self, answer):
        """Frames come behind the last octet of CONNECT."""
        self.state = "connected"
        self.result("CONNECT " + (answer.connect or str(answer.speed)))
        self.timer = self.loop.after(self.delay, lambda: self.begin(answer))

    def begin(self, answer):
        if self.out:
            self.timer = self.loop.after(CHUNK, lambda: self.begin(answer))
            return
        self.side.set_carrier(True)
        self.last_data = time.monotonic()
        if not self.call:
            self.call = Call(self.phone, self, "", "", answer)
            self.phone.calls.append(self.call)
        self.call.user = User(answer.user)
        self.call.state, self.call.was_online = "online", True
        self.relay = self.call.relay = Relay(self, self.call.user, answer.speed)
        self.state = "online"

    def carrier_lost(self):
        """The far end has hung up."""
        if self.state != "command":
            self.drop(say=None if self.quiet_end or self.state == "ringing" else "NO CARRIER")

    def drop(self, say):
        """On hook, in command mode; say: a result."""
        cancel(self.timer)
        cancel(self.plus_timer)
        self.timer = self.plus_timer = None
        self.plus = b""
        was, self.state = self.state, "command"
        if was in ("online", "escaped"):
            self.hung_up += 1
            self.relay.close()
            self.relay = None
            self.note("on hook")
        if self.call:
            call, self.call = self.call, None
            call.over()
        if say:
            self.result(say)
        if was in ("online", "escaped"):
            self.side.set_carrier(False)


# --- the telephone network ---


class Call:
    """A call to a modem: "ringing", "answered", "online", "ended", or "busy" (the modem was)."""

    def __init__(self, phone, modem, calling, called, answer, interval=1.0, text=True, style="nmbr"):
        self.phone, self.modem, self.calling, self.called, self.answer = phone, modem, calling, called, answer
        self.interval, self.text, self.style = interval, text, style
        self.state, self.user, self.relay = "new", None, None
        self.rung, self.was_answered, self.was_online = 0, False, False

    def id_lines(self):
        """As modems tell caller id."""
        if self.style == "nmbr":
            calling, called = "NMBR = ", "DDN_NMBR= "
        elif self.style == "tight":
            calling, called = "NMBR=", "DDN_NMBR="
        else:
            calling, called = "CALLER NUMBER: ", "CALLED NUMBER: "
        return ([calling + self.calling] if self.calling else []) + ([called + self.called] if self.called else [])

    def answered(self):
        self.state, self.was_answered = "answered", True

    def over(self):
        if self.user:
            self.user.close()
        self.state = "ended"

    def hang_up(self):
        """The caller hangs up, or gives up."""
        self.phone.loop.run(lambda: self.modem.call is self and self.modem.carrier_lost())

    @property
    def process(self):
        return self.user and self.user.process


class Phone:
    """The network: its modems, calls to them, and the numbers that they can dial."""

    def __init__(self):
        self.loop = Loop()
        self.modems, self.calls, self.numbers, self.taken = [], [], {}, collections.Counter()

    def modem(self, side, number="", **settings):
        modem = self.loop.run(lambda: Modem(self, side, number, **settings))
        self.modems.append(modem)
        return modem

    def call(self, modem, calling="", called=None, user=None, speed=33600, connect=None, **how):
        """Rings it; `called` is its number where none is given. how: interval, text, style of Call."""
        answer = Answer(user=user, speed=speed, connect=connect)
        call = Call(self, modem, calling, modem.number if called is None else called, answer, **how)

        def ring():
            call.state = "ringing"
            if not modem.rings(call):
                call.state = "busy"

        self.loop.run(ring)
        self.calls.append(call)
        return call

    def answer_to(self, number):
        answer = self.numbers.get(number) or self.numbers.get("*") or Answer("no-carrier")
        self.taken[number] += 1
        if answer.times is not None and self.taken[number] > answer.times:
            return Answer("busy")
        return answer

    def stop(self):
        """All hang up, and are gone."""
        def end():
            for modem in self.modems:
                modem.drop(say=None)
                modem.side.close()

        if self.loop.thread.is_alive():
            self.loop.run(end)
        self.loop.stop()
        for call in self.calls:
            if call.process and call.process.poll() is None:
                try:
                    call.process.wait(5)
                except subprocess.TimeoutExpired:
                    call.process.kill()
                    call.process.wait(5)
