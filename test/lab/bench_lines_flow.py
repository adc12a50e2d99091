"""Not a test: measures flow control (RFC 2637 section 4) over a 56 kbit/s modem line and a path with loss and delay.

    scripts/lab --timeout 3000 -- python3 -m pytest -p no:cacheprovider -q -s test/lab/bench_lines_flow.py

One call for each row: a file by TCP from the PNS's side to the dialled-in user, and one back, with pacd's own figures of
its queue beside them. "off": both sides ignore windows, and acknowledge at once. Prints a table; about ten minutes.
"""

import threading
import time

import lab
import lines
import pytest
from lines import HOME1

pytest_plugins = ("lines_fixtures",)

SPEED = 56000
DOWN, UP = 80_000, 40_000  # octets
PATHS = [(rtt, loss) for rtt in (10, 100, 300) for loss in (0, 1, 5)]
MTU = ("mtu", "1400", "mru", "1400")


class Watch(threading.Thread):
    """Samples of pacd's queue towards the line, in ms, until stop()."""

    def __init__(self, pacd):
        super().__init__(daemon=True)
        self.pacd, self.over, self.waits = pacd, threading.Event(), []
        self.start()

    def run(self):
        while not self.over.wait(0.5):
            (session,) = self.pacd.sessions()
            self.waits.append(session["queue_us"] / 1000)

    def stop(self):
        self.over.set()
        self.join()
        return sum(self.waits) / len(self.waits) if self.waits else 0, max(self.waits, default=0)


def path(server, home, rtt, loss):
    for host, dev in ((server, "v0a"), (home, "v0b")):
        host.run("tc", "qdisc", "replace", "dev", dev, "root", "netem", "limit", "10000", "delay", f"{rtt / 2}ms",
                 *(("loss", f"{loss}%") if loss else ()))


def share(size, seconds):
    """Of what the line can bear, 10 bits an octet, in percent."""
    return 100 * size / seconds / (SPEED / 10)


def timed(*args):
    began = time.monotonic()
    lab.transfer(*args, deadline=240)
    return time.monotonic() - began


@pytest.mark.parametrize("flow", ["rfc2637", "off"])
def test_flow(office, start, phone, modems, pns_at, user_at, folder, flow):
    server, home, _, caller = office
    pns = pns_at(home, HOME1, options=MTU, strict_window=1 if flow == "rfc2637" else 0, window=16)
    (m,) = modems(1)
    pacd = start(server, **lines.settings(lines.tty_lines(folder, 1, strict_window=flow)))
    rows = []
    for rtt, loss in PATHS:
        lines.wait_state(pacd, "idle")
        path(server, home, rtt, loss)
        user = user_at(caller, options=MTU)
        call = phone.call(m, calling="5551234", user=user.argv, speed=SPEED)
        user.wait_up(120)
        user.host.reach(pns.local, 60)
        watch = Watch(pacd)
        down = timed(home, caller, user.address(), DOWN)
        mean, most = watch.stop()
        up = timed(caller, home, pns.local, UP)
        (session,) = pacd.sessions()
        rows.append(f"| {rtt} | {loss} | {flow} | {share(DOWN, down):.0f} | {mean:.0f} | {most:.0f} | "
                    f"{session['queue_peak_octets']} | {session['rx_dropped']} | {share(UP, up):.0f} |")
        call.hang_up()
        lines.all_free(pacd)
    print("\n| RTT ms | loss % | flow control | to the line % | wait mean ms | wait max ms | peak octets | dropped | "
          "from the line % |\n|---|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))
