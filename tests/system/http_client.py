# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests over HTTP: one, or a load of them that is accounted for. Run as a program it is such a load."""

import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time

from basics import DEADLINE, equal


def free_port():
    """A port that is free now, and outside the range from which the kernel takes those of clients."""
    while True:
        port = random.randrange(10240, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def get(port, path="/", timeout=10, method="GET", source=None, host="127.0.0.1"):
    """One request over a connection of its own, from that address if one is given; returns status and body."""
    connection = http.client.HTTPConnection(host, port, timeout, (source, 0) if source is not None else None)
    try:
        connection.request(method, path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def answers(port, text, path="/"):
    """Whether a server answers there with this text in it."""
    try:
        status, body = get(port, path)
    except OSError:
        return False
    return status == 200 and text in body


class Load:
    """Connections opened anew for each request, several at a time, until stopped. A process of its own: the test must
    not wait for its threads."""

    def __init__(self, port, connections=20, path="/"):
        self.count, self.bodies = 0, {}
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(port), str(connections), path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "began\n", "the first word of the load")

    def stop(self):
        """Ends it; returns the failures: [when, what, port of the client or None]. Then there are count and bodies: {answer: [how many, first at, last at]}."""
        output, _ = self.process.communicate(timeout=DEADLINE)
        result = json.loads(output)
        self.count, self.bodies = result["count"], result["bodies"]
        return result["failures"]


class LoadThreads:
    """What runs in the process of a Load."""

    def __init__(self, port, connections, path):
        self.port, self.path = port, path
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.local = threading.local()
        self.count, self.bodies, self.failures = 0, {}, []
        self.threads = [threading.Thread(target=self.run) for _ in range(connections)]

    # Between two requests of one thread: without it the load takes the processors from what it is to load.
    PAUSE = 0.01

    def ask(self):
        """One request over a connection of its own; http.client would take three times as long."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            self.local.port = connection.getsockname()[1]
            connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % self.path.encode())
            answer = b""
            while got := connection.recv(4096):
                answer += got
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")) or not body:
            raise OSError(f"answered {answer!r}")
        return body.decode().strip()

    def run(self):
        while not self.stopping.wait(self.PAUSE):
            self.local.port = None
            try:
                body = self.ask()
                now = time.monotonic()
                with self.lock:
                    self.count += 1
                    seen = self.bodies.setdefault(body, [0, now, now])
                    seen[0], seen[2] = seen[0] + 1, now
            except OSError as error:
                with self.lock:
                    self.failures.append([time.monotonic(), repr(error), self.local.port])

    def until_end_of_input(self):
        for thread in self.threads:
            thread.start()
        print("began", flush=True)
        sys.stdin.read()
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        print(json.dumps({"count": self.count, "bodies": self.bodies, "failures": self.failures[:100]}))


if __name__ == "__main__":
    LoadThreads(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).until_end_of_input()
