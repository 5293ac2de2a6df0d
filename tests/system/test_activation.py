#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sockets that the daemon itself is passed, as by a socket unit of systemd, and hands on to its services."""

import contextlib
import os
import socket
import sys

from harness import PYTHON, Site, check, equal, free_port, main, test, write_atomic

# As systemd does after it has forked: the sockets from descriptor 3 on, blocking or not, and the process's own PID.
PASS = """import os, sys
fds, names, command = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
# Out of the way first: they may be among the numbers that they are to have.
high = [os.dup2(int(fd), 100 + number) for number, fd in enumerate(fds)]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
os.closerange(3 + len(high), 200)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""
# Answers a line with its version and how many sockets it was passed, one that is unmodified with what it has bound.
HEAD = "import os, socket\n"
PASSED = "server = socket.socket(fileno=3)\nn = os.environ['LISTEN_FDS'] + os.environ['LISTEN_FDNAMES']\n"
BOUND = """server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", PORT))
server.listen()
n = "bound"
"""
ANSWER = """while True:
    with server.accept()[0] as connection:
        connection.recv(100)
        connection.sendall(f"VERSION {n}".encode())
"""


def start(site, sockets, names):
    """Starts the daemon with these; whoever passed them has them open still."""
    fds = [one.fileno() for one in sockets]
    wrapper = [PYTHON, "-S", "-c", PASS, ",".join(str(fd) for fd in fds), ":".join(names)]
    site.start_daemon(wrapper=wrapper, pass_fds=fds)


def listener(port=0):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.listen()
    one.setblocking(False)
    return one


def unix_listener(path):
    one = socket.socket(socket.AF_UNIX)
    one.bind(path)
    one.listen()
    return one


def ask(address):
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as client:
        client.settimeout(20)
        client.connect(address)
        client.sendall(b"?")
        return client.recv(100).decode()


def service_file(site, name, program, listen, more=""):
    top = site.source(name, {"app.py": HEAD + program.replace("VERSION", "1")})
    site.service_file(name, f"[Service]\nExec={PYTHON} -S app.py\nSource={top}\n{more}Listen={listen}\n")
    return os.path.join(top, "app.py")


def reload(site, name, program, path):
    mark = site.signals.mark()
    write_atomic(path, HEAD + program.replace("VERSION", "2"))
    event = site.signals.wait("ReloadCompleted|ReloadFailed", name, mark)
    equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload: sockets that the daemon was passed")
def both():
    with contextlib.ExitStack() as stack:
        tcp, named, foreign = (stack.enter_context(listener()) for _ in range(3))
        site = stack.enter_context(Site(daemon=False))
        path = site.path("passed.sock")
        unix = stack.enter_context(unix_listener(path))
        address, elsewhere = tcp.getsockname(), named.getsockname()
        program = PASSED + ANSWER
        files = {"tcp": service_file(site, "tcp", program, f"http=tcp:127.0.0.1:{address[1]}", "Sockets=pass\n"),
                 "unix": service_file(site, "unix", program, f"line=unix:{path}", "Sockets=pass\n"),
                 # By name, wherever it really is.
                 "named": service_file(site, "named", program, f"http=tcp:127.0.0.1:{free_port()}", "Sockets=pass\n")}
        where = {"tcp": (address, "1http"), "unix": (path, "1line"), "named": (elsewhere, "1http")}
        start(site, [unix, tcp, named, foreign], ["shop.socket", "unknown", "named.http", "nobody"])
        for name, (place, sockets) in where.items():
            equal(ask(place), f"1 {sockets}", f"answer of {name}")
        equal(site.service("named")["listen"], [f"tcp:127.0.0.1:{elsewhere[1]}"], "where it really is")
        words = [line for line in site.daemon_log().splitlines() if line.endswith(", ignoring")]
        equal(len(words), 1, f"warnings in {words}")
        check(f"'nobody' (tcp:127.0.0.1:{foreign.getsockname()[1]})" in words[0], words[0])
        for name, (place, sockets) in where.items():
            reload(site, name, program, files[name])
            equal(ask(place), f"2 {sockets}", f"answer of {name} after a reload")
        for name, (place, sockets) in where.items():
            equal(site.hrctl("stop", name).returncode, 0, "exit status of stop")
            # It is open still: a connection waits for the service.
            with socket.socket(socket.AF_UNIX if name == "unix" else socket.AF_INET) as waiting:
                waiting.settimeout(20)
                waiting.connect(place)
                waiting.sendall(b"?")
                equal(site.hrctl("start", name).returncode, 0, "exit status of start")
                equal(waiting.recv(100).decode(), f"2 {sockets}", f"answer of {name} to what waited")
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        check(os.path.exists(path), "the file is not the daemon's to remove")
        # As after a restart of the daemon's unit: the sockets never closed.
        with socket.create_connection(address, 20) as waiting:
            waiting.sendall(b"?")
            start(site, [unix, tcp, named], ["a", "b", "named.http"])
            equal(waiting.recv(100).decode(), "2 1http", "answer of the next daemon's service")


@test("case-07 a program that binds by itself gets the socket that the daemon was passed, and a name of two is told")
def unmodified():
    with contextlib.ExitStack() as stack:
        tcp, several = (stack.enter_context(listener()) for _ in range(2))
        site = stack.enter_context(Site(daemon=False))
        port = tcp.getsockname()[1]
        program = BOUND.replace("PORT", str(port)) + ANSWER
        path = service_file(site, "tcp", program, f"http=tcp:127.0.0.1:{port};more=tcp:127.0.0.1:0")
        service_file(site, "other", PASSED + ANSWER, "more=tcp:127.0.0.1:0")
        start(site, [tcp, several], ["unknown", "more"])
        site.wait_state("tcp", "running")
        equal(ask(("127.0.0.1", port)), "1 bound", "answer")
        check("2 services have a listener of that name, and it needs the name SERVICE.more, ignoring"
              in site.daemon_log(), site.daemon_log())
        for name in ("tcp", "other"):
            check(f"tcp:127.0.0.1:{several.getsockname()[1]}" not in site.service(name)["listen"], "is used by", name)
        with open(f"/proc/{site.service('tcp')['pid']}/environ", encoding="utf-8") as file:
            check("LISTEN_FDNAMES=unknown" not in file.read(), "the daemon's own names are passed on")
        reload(site, "tcp", program, path)
        equal(ask(("127.0.0.1", port)), "2 bound", "answer after a reload")


if __name__ == "__main__":
    sys.exit(main())
