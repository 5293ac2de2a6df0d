#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Listeners of every kind under load: Unix sockets and UDP, passed and adopted, ports that the kernel chooses, and those
that the service file moves."""

import contextlib
import os
import signal
import socket
import stat
import sys
import threading

from harness import Gate, Site, check, equal, free_port, main, test, until, write_atomic
from services import at_gate

PYTHON = "/usr/bin/python3 -S"
RELOADS = 10
# Between two requests of one thread.
PAUSE = 0.005

# What each program does with its socket: takes the first that it was passed, or makes its own.
PASSED = "server = socket.socket(fileno=3)\n"
OWN_PATH = """server = socket.socket(socket.AF_UNIX)
with contextlib.suppress(FileNotFoundError):
    os.unlink("PATH")
server.bind("PATH")
server.listen(5)
"""
OWN_PORT = """server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", PORT))
"""
HEAD = "import contextlib, os, socket, threading\n"
# A line is answered with a line, as long as the client asks; when it is asked to end it closes what is idle.
LINES = """def serve(connection):
    with connection, connection.makefile("rw") as lines:
        for line in lines:
            lines.write(line.strip() + " VERSION\\n")
            lines.flush()
while True:
    threading.Thread(target=serve, args=[server.accept()[0]], daemon=True).start()
"""
DATAGRAMS = """while True:
    data, peer = server.recvfrom(100)
    server.sendto(data + b" VERSION", peer)
"""
FREE = "main=tcp:127.0.0.1:0"
# Which port that is it learns from its socket or from PORT, or it has chosen none itself.
FREE_PORTS = {
    "passed": (FREE, "pass", PASSED + "assert server.getsockname()[1] == int(os.environ['PORT'])\n" + LINES),
    "adopted": (FREE, "adopt", "server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n" + LINES),
    "that the program binds": (None, "auto", "server = socket.create_server(('127.0.0.1', 0))\n" + LINES),
    "UDP": ("main=udp:127.0.0.1:0", "pass", PASSED + DATAGRAMS),
}
TWO_FREE_PORTS = """def serve(server, role):
    while True:
        with server.accept()[0] as connection:
            connection.recv(100)
            connection.sendall(role + b" VERSION\\n")
for role in (b"first", b"second"):
    # late
    threading.Thread(target=serve, args=[socket.create_server(("127.0.0.1", 0)), role]).start()
"""


class Plain:
    """A service of one file, made of these parts."""

    def __init__(self, site, text, listen, path="", port=0, sockets="auto", keys=""):
        self.site, self.text = site, HEAD + text.replace("PATH", path).replace("PORT", str(port))
        self.top = site.source("plain", {"app.py": self.version(1)})
        self.keys = f"[Service]\nExec={PYTHON} app.py\nSource={self.top}\nSockets={sockets}\n{keys}"
        site.add("plain", self.keys + (f"Listen={listen}\n" if listen else ""))

    def version(self, number):
        return self.text.replace("VERSION", str(number))

    def reload(self, number):
        mark = self.site.signals.mark()
        write_atomic(os.path.join(self.top, "app.py"), self.version(number))
        event = self.site.signals.wait("ReloadCompleted|ReloadFailed", "plain", mark)
        equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")

    def listen(self, text):
        """Another Listen, which is a reload; returns the exit status and what hrctl said."""
        path = os.path.join(self.site.config, "services.d", "plain.conf")
        write_atomic(path, self.keys + f"Listen={text}\n")
        result = self.site.hrctl("daemon-reload")
        return result.returncode, result.stdout + result.stderr

    def shown(self):
        return self.site.status()["services"][0]["listen"]


class Clients:
    """Threads that each ask again and again, until stopped; every question has a number and wants its answer."""

    def __init__(self, ask, count=5):
        self.ask, self.failures, self.versions, self.count = ask, [], set(), 0
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=[number]) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, client):
        number = 0
        while not self.stopping.wait(PAUSE):
            number += 1
            question = f"{client}-{number}"
            try:
                answer = self.ask(client, question).split()
            except OSError as error:
                answer = [repr(error)]
            with self.lock:
                self.count += 1
                if len(answer) == 2 and answer[0] == question:
                    self.versions.add(answer[1])
                else:
                    self.failures.append((question, answer))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return self.failures[:20]


def line_of(connection, question):
    connection.sendall(question.encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        got = connection.recv(100)
        if not got:
            raise ConnectionResetError(f"ended after {answer!r}")
        answer += got
    return answer.decode()


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect("\0" + path[1:] if path[0] == "@" else path)
    return connection


def new_connections(path):
    def ask(_, question):
        with connect(path) as connection:
            return line_of(connection, question)
    return ask


def datagrams(port):
    def ask(_, question):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.sendto(question.encode(), ("127.0.0.1", port))
            return client.recv(100).decode()
    return ask


def new_tcp_connections(port):
    def ask(_, question):
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            return line_of(connection, question)
    return ask


def answers(ask):
    with contextlib.suppress(OSError):
        return ask(0, "first").startswith("first ")
    return False


def under_load(service, ask, reloads=RELOADS):
    until(lambda: answers(ask), "the first answer")
    clients = Clients(ask)
    for number in range(2, reloads + 2):
        service.reload(number)
        until(lambda n=str(number): n in clients.versions, f"an answer of version {number}")
    equal(clients.stop(), [], f"failures of {clients.count} questions")
    equal(clients.versions, {str(number) for number in range(1, reloads + 2)}, "versions that answered")


for words, how, sockets in (("passed", PASSED, "pass"), ("adopted", OWN_PATH, "adopt")):
    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: a Unix socket, {words}, a connection for each request")
    def unix_socket(how=how, sockets=sockets):
        with Site() as site:
            path = site.path("made", "plain.sock")
            service = Plain(site, how + LINES, f"main=unix:{path}", path, sockets=sockets)
            until(lambda: os.path.exists(path), "the socket")
            equal(stat.S_IMODE(os.stat(path).st_mode), 0o666, "mode of the socket")
            inode = os.stat(path).st_ino
            under_load(service, new_connections(path))
            equal(service.shown(), [f"unix:{path}"], "listeners")
            equal(os.stat(path).st_ino, inode, "the file")
            equal(site.hrctl("stop", "plain").returncode, 0, "hrctl stop")
            check(not os.path.exists(path), "the socket goes with the service")

    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: UDP, {words}, each datagram is answered")
    def udp(how=how, sockets=sockets):
        with Site() as site:
            port = free_port()
            own = PASSED if sockets == "pass" else OWN_PORT
            service = Plain(site, own + DATAGRAMS, f"main=udp:127.0.0.1:{port}", port=port, sockets=sockets)
            under_load(service, datagrams(port))
            equal(service.shown(), [f"udp:127.0.0.1:{port}"], "listeners")


@test("a-listener-that-the-program-never-takes: status says that connections to it have not been accepted", alike=True)
def never_taken():
    with Site() as site:
        port = free_port()
        Plain(site, "import time\ntime.sleep(1000)\n", f"main=tcp:127.0.0.1:{port}", keys="Ready=delay:1ms\n")
        check("Waiting" not in site.hrctl("status", "plain").stdout, "nobody waits yet")
        with contextlib.ExitStack() as clients:
            for _ in range(2):
                client = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
                client.sendall(b"hello\n")
            until(lambda: site.service("plain")["connectionsWaiting"] == 2, "two wait")
            shown = site.hrctl("status", "plain").stdout
            check("Waiting: 2 connections have not been accepted\n" in shown, shown)
        equal(site.json("status", "plain")["services"][0]["connectionsWaiting"], 2, "who has gone again has not been accepted either")


@test("a-UDP-socket-that-Listen-does-not-name: the reload fails, says what to do, and the old instance serves on",
      alike=True)
def udp_without_listen():
    with Site() as site:
        port = free_port()
        service = Plain(site, OWN_PORT + DATAGRAMS, None, port=port, keys="Ready=delay:1s\n")
        pid, mark = site.service("plain")["pid"], site.signals.mark()
        write_atomic(os.path.join(service.top, "app.py"), service.version(2))
        event = site.signals.wait("ReloadFailed", "plain", mark)
        for words in ("Address already in use", "name it in Listen and stop the service once, or write Handover=sequential"):
            check(words in event["args"][3], "the error:", event["args"][3])
        check("name it in Listen" in site.hrctl("status", "plain").stdout, site.hrctl("status", "plain").stdout)
        equal(site.service("plain")["pid"], pid, "PID of the old instance")
        # As it says.
        site.service_file("plain", service.keys.replace("[Service]\n", "[Service]\nHandover=sequential\n"))
        equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
        result = site.hrctl("reload", "plain")
        equal((result.returncode, site.service("plain")["release"]), (0, 2), f"the new version serves: {result.stderr}")


for words, how, sockets in (("passed", PASSED, "pass"), ("adopted", OWN_PATH, "adopt")):
    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: three instances at a Unix socket, {words}")
    def three_at_unix_socket(how=how, sockets=sockets):
        with Site() as site:
            path = site.path("plain.sock")
            service = Plain(site, how + LINES, f"main=unix:{path}", path, sockets=sockets, keys="Instances=3\n")
            under_load(service, new_connections(path), 4)
            equal((site.service("plain")["serving"], service.shown()), (3, [f"unix:{path}"]), "instances and listeners")

    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: three instances at a UDP port, {words}")
    def three_at_udp(sockets=sockets):
        with Site() as site:
            port = free_port()
            own = PASSED if sockets == "pass" else OWN_PORT
            service = Plain(site, own + DATAGRAMS, f"main=udp:127.0.0.1:{port}", port=port, sockets=sockets,
                            keys="Instances=3\n")
            under_load(service, datagrams(port), 4)
            equal((site.service("plain")["serving"], service.shown()), (3, [f"udp:127.0.0.1:{port}"]),
                  "instances and listeners")


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload: a Unix socket that nobody named")
def discovered():
    with Site() as site:
        path = site.path("plain.sock")
        service = Plain(site, OWN_PATH + LINES, None, path)
        under_load(service, new_connections(path))
        equal(service.shown(), [f"unix:{path}"], "listeners")


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload: an abstract Unix socket")
def abstract():
    with Site() as site:
        name = f"@hotreload-test-{os.getpid()}"
        under_load(Plain(site, PASSED + LINES, f"main=unix:{name}", sockets="pass"), new_connections(name), 3)


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload: a Unix connection that stays open has DrainTimeout")
def kept_open():
    with Site() as site:
        path = site.path("plain.sock")
        service = Plain(site, PASSED + LINES, f"main=unix:{path}", sockets="pass")
        until(lambda: answers(new_connections(path)), "the first answer")
        kept = connect(path)
        equal(line_of(kept, "before").split(), ["before", "1"], "answer before the reload")
        service.reload(2)
        equal(line_of(kept, "after").split(), ["after", "1"], "answer of the old one after the reload")
        equal(new_connections(path)(0, "new").split(), ["new", "2"], "answer to a new connection")
        kept.close()


for words, (named, sockets, text) in FREE_PORTS.items():
    @test(f"port-0-is-chosen-once-and-stays-until-the-service-is-stopped: {words}", alike=words != "passed")
    def free_ports(words=words, named=named, sockets=sockets, text=text):
        with Site() as site:
            service = Plain(site, text, named, port="PORT", sockets=sockets)
            until(service.shown, "the listener")
            shown = service.shown()
            kind, port = shown[0].split(":127.0.0.1:")
            check(len(shown) == 1 and int(port) > 0, "listeners", shown)
            ask = (datagrams if kind == "udp" else new_tcp_connections)(int(port))
            under_load(service, ask, 3)
            equal(service.shown(), shown, "listeners after reloads")
            site.stop_daemon(signal.SIGKILL)
            site.start_daemon()
            service.reload(5)
            equal(service.shown(), shown, "listeners after the daemon has died")
            equal(site.hrctl("restart", "plain").returncode, 0, "hrctl restart")
            until(lambda: answers(ask), "an answer after the restart")
            equal((ask(0, "at last").split()[-1], service.shown()), ("5", shown), "answer and listeners")
            equal((site.hrctl("stop", "plain").returncode, service.shown()), (0, []), "hrctl stop, and listeners then")
            equal(site.hrctl("start", "plain").returncode, 0, "hrctl start")
            until(service.shown, "a listener")


@test("port-0-is-chosen-once-and-stays-until-the-service-is-stopped: of two, also the one that comes late", alike=True)
def two_free_ports():
    with Site() as site:
        gate = Gate(site)
        service = Plain(site, TWO_FREE_PORTS, None)
        until(lambda: len(service.shown()) == 2, "the listeners")
        shown = service.shown()
        ports = [int(address.rpartition(":")[2]) for address in shown]
        asks = {new_tcp_connections(port)(0, "which").split()[0]: new_tcp_connections(port) for port in ports}
        equal(sorted(asks), ["first", "second"], "what they do")
        service.text = service.text.replace("# late\n", f"if role == b'second': {at_gate(gate)}")
        service.reload(2)
        # It serves since it listens on the first one, and the old one has ended before it comes to the second.
        site.drained("plain")
        gate.arrived()
        with socket.create_connection(("127.0.0.1", ports[list(asks).index("second")]), 10) as waits:
            gate.release()
            equal(line_of(waits, "which").split(), ["second", "2"], "the one that comes late")
        equal((asks["first"](0, "which").split(), service.shown()), (["first", "2"], shown), "the first one, and listeners")


@test("case-07 a listener that is added, removed or changed leaves the others untouched, under load")
def moved():
    with Site() as site:
        path, other, port = site.path("a.sock"), site.path("b.sock"), free_port()
        service = Plain(site, PASSED + LINES, f"main=unix:{path}", sockets="pass")
        ask = new_connections(path)
        until(lambda: answers(ask), "the first answer")
        clients = Clients(ask)
        main_one = f"main=unix:{path}"
        for listen, shown in ((f"{main_one};dns=udp:127.0.0.1:{port}", [f"unix:{path}", f"udp:127.0.0.1:{port}"]),
                              (f"dns=unix:{path};main=udp:127.0.0.1:{port}", [f"unix:{path}", f"udp:127.0.0.1:{port}"]),
                              (f"{main_one};dns=tcp:127.0.0.1:{port}", [f"unix:{path}", f"tcp:127.0.0.1:{port}"]),
                              (f"{main_one};dns=unix:{other}", [f"unix:{path}", f"unix:{other}"]),
                              (main_one, [f"unix:{path}"])):
            equal(service.listen(listen)[0], 0, f"exit status with {listen}")
            equal(service.shown(), shown, f"listeners with {listen}")
        check(not os.path.exists(other), "what was removed is gone")
        # Port 0 is kept over reloads and over reading the file again.
        equal(service.listen(f"{main_one};free=tcp:127.0.0.1:0")[0], 0, "exit status with port 0")
        free = service.shown()
        service.reload(2)
        equal(service.listen(f"{main_one};free=tcp:127.0.0.1:0")[0], 0, "exit status with port 0")
        equal(service.shown(), free, "listeners")
        # One that cannot be bound changes nothing, and the error says who has it.
        with socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(other)
            foreign.listen()
            status, words = service.listen(f"{main_one};free=tcp:127.0.0.1:0;b=unix:{other}")
            equal(status, 1, "exit status with an address in use")
            for part in ("'plain'", "'b'", f"unix:{other}", f"process {os.getpid()}"):
                check(part in words, f"{part} is in", words)
            equal(service.shown(), free, "listeners after the failure")
        equal(clients.stop(), [], f"failures of {clients.count} questions")


@test("a-listener-that-is-removed-and-named-again-at-once-is-back-when-the-old-instance-that-has-it-has-ended", alike=True)
def named_again():
    with Site() as site:
        path, port = site.path("a.sock"), free_port()
        service = Plain(site, PASSED + LINES, f"main=unix:{path}", sockets="pass", keys="StopTimeout=1s\n")
        until(lambda: answers(new_connections(path)), "the first answer")
        both = f"main=unix:{path};again=tcp:127.0.0.1:{port}"
        equal(service.listen(both)[0], 0, "exit status with both")
        site.drained("plain")
        with socket.socket(socket.AF_UNIX) as kept:
            kept.connect(path)
            kept.sendall(b"hello\n")
            # It is what the old one waits for; until then that has a copy of what is not in the file any more.
            equal(kept.makefile().readline(), "hello 1\n", "the connection that keeps the old one")
            old = site.service("plain")["pid"]
            equal(service.listen(f"main=unix:{path}")[0], 0, "exit status with one")
            check(os.path.exists(f"/proc/{old}"), "the old one has not ended")
            status, words = service.listen(both)
            equal(status, 0, f"exit status with both again: {words}")
            check(not os.path.exists(f"/proc/{old}"), "the old one has ended")
            equal(service.shown(), [f"unix:{path}", f"tcp:127.0.0.1:{port}"], "listeners")
        # Somebody else's is somebody else's.
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            status, words = service.listen(f"{both};c=tcp:127.0.0.1:{foreign.getsockname()[1]}")
            equal(status, 1, "exit status with an address in use")
            check(f"process {os.getpid()}" in words, "who has it:", words)


if __name__ == "__main__":
    sys.exit(main())
