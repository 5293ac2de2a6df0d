# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that connects again and again, and tells when the answer changed and how long there was none."""

import socket
import time

import harness

# Between two connections: short beside what is measured, long enough to leave the processor to it.
PAUSE = 0.0003
TIMEOUT = 5


class Prober:
    """Counts what it saw: refused and reset connections, and the longest time from one answer to the next."""

    def __init__(self, port):
        self.port = port
        self.refused = self.reset = self.count = 0
        self.longest_gap = 0.0
        self.last = None

    def ask(self):
        """One answer over a connection of its own, or None."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
                answer = b""
                while got := connection.recv(256):
                    answer += got
        except ConnectionRefusedError:
            self.refused += 1
            return None
        except OSError:
            self.reset += 1
            return None
        if not answer:
            self.reset += 1
            return None
        now = time.monotonic()
        if self.last is not None:
            self.longest_gap = max(self.longest_gap, now - self.last)
        self.last = now
        self.count += 1
        return answer.decode().strip()

    def probe_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.ask()
            time.sleep(PAUSE)

    def until(self, text, deadline=None):
        """Probes until that is the answer; returns the time at which it was."""
        end = time.monotonic() + (deadline or harness.DEADLINE)
        while self.ask() != text:
            if time.monotonic() > end:
                raise harness.Failure(f"the server on port {self.port} never answered {text!r}")
            time.sleep(PAUSE)
        return self.last
