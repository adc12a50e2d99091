"""What software modems stand on: a loop in a thread, and serial sides: a pty, or a device that exists.

A third kind of side is rfc2217.Server.
"""

import collections
import heapq
import itertools
import os
import selectors
import threading
import time
import tty

CHUNK = 0.02  # seconds of a line that are moved at once


class Loop:
    """Descriptors and timers in a thread. All else in here runs in it; who is outside says run()."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.timers, self.numbers = [], itertools.count()
        self.posted = collections.deque()
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self.on_wake)
        self.running, self.fault = True, None
        self.thread = threading.Thread(target=self.work, name="modems", daemon=True)
        self.thread.start()

    def work(self):
        try:
            while self.running:
                wait = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
                for key, _ in self.selector.select(wait):
                    if self.known(key.fd) is key.data:  # another one's callback may have ended it
                        key.data()
                while self.timers and self.timers[0][0] <= time.monotonic():
                    timer = heapq.heappop(self.timers)[2]
                    if timer[0]:
                        timer[0]()
        except BaseException as fault:  # a test is to see it, not only stderr
            self.fault = fault
            raise

    def known(self, fd):
        key = self.selector.get_map().get(fd)
        return key and key.data

    def on_wake(self):
        os.read(self.wake_read, 4096)
        while self.posted:
            self.posted.popleft()()

    def run(self, function):
        """From any thread: its value, once the loop has run it."""
        if threading.current_thread() is self.thread:
            return function()
        done, result = threading.Event(), []

        def call():
            try:
                result.append((function(), None))
            except Exception as fault:
                result.append((None, fault))
            done.set()

        self.posted.append(call)
        os.write(self.wake_write, b"x")
        while not done.wait(1):
            assert self.thread.is_alive(), f"the modems have stopped: {self.fault!r}"
        value, fault = result[0]
        if fault:
            raise fault
        return value

    def after(self, seconds, function):
        """A list whose first item is the function; set it to None to cancel."""
        timer = [function]
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.numbers), timer))
        return timer

    def watch(self, fd, function, writing=False):
        """function() when fd is ready; None: no more."""
        if fd in self.selector.get_map():
            self.selector.unregister(fd)
        if function:
            self.selector.register(fd, selectors.EVENT_WRITE if writing else selectors.EVENT_READ, function)

    def stop(self):
        def end():
            self.running = False

        if self.thread.is_alive():
            self.run(end)
            self.thread.join(10)


def cancel(timer):
    if timer:
        timer[0] = None


# --- the serial side ---


class Side:
    """What a modem needs of it. The modem sets `modem`, and gets data() and dtr()."""

    has_lines = False  # DTR is seen

    def attach(self, loop, modem):
        self.loop, self.modem = loop, modem
        self.open()

    def write(self, data):
        """How many octets of it are taken."""

    def hold(self, on):
        """No data() while it is on."""

    def set_carrier(self, on):
        pass

    def ring(self, on):
        """RI."""

    def close(self):
        pass


class Descriptor(Side):
    """A side whose octets come and go by a descriptor."""

    fd = None
    held = False

    def start(self, fd):
        self.fd = fd
        os.set_blocking(fd, False)
        self.loop.watch(fd, None if self.held else self.on_readable)

    def on_readable(self):
        try:
            data = os.read(self.fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.modem.data(data)
        else:
            self.ended()

    def ended(self):
        self.loop.watch(self.fd, None)

    def write(self, data):
        if self.fd is None:
            return len(data)  # nobody is there: it is lost
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def hold(self, on):
        if on != self.held and self.fd is not None:
            self.loop.watch(self.fd, None if on else self.on_readable)
        self.held = on

    def close(self):
        if self.fd is not None:
            self.loop.watch(self.fd, None)
            os.close(self.fd)
            self.fd = None


class Pty(Descriptor):
    """A pty, whose slave gets the name `path`. Its own end of the slave stays open, so that it outlives its users."""

    def __init__(self, path):
        self.path = str(path)
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)
        if os.path.lexists(self.path):
            os.unlink(self.path)
        os.symlink(self.name, self.path)

    def open(self):
        self.start(self.master)

    def close(self):
        super().close()
        os.close(self.slave)
        if os.path.lexists(self.path):
            os.unlink(self.path)


class Device(Descriptor):
    """A device that exists. On a serial gadget (ttyGS0) what is open is the other side's carrier.

    So a modem of this kind has its carrier on while it is idle (as with AT&C0), and a drop of it is a short closing.
    """

    def __init__(self, path):
        self.path = str(path)

    def open(self):
        fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(fd)
        self.start(fd)

    def set_carrier(self, on):
        if not on and self.fd is not None:
            super().close()
            self.loop.after(1, lambda: self.fd is None and self.open())
