#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors that a program stores (FDSTORE=1): each next process of its service finds them by name, with what is in
them."""

import json
import os
import signal
import socket
import sys

from harness import Site, check, equal, main, test, until
from services import PYTHON, Service, app

# Stores, when nothing was given to it: a memory file, both ends of a pair of sockets, and a socket that listens. What it
# was given it looks at anew with each question.
STORING = '''
given = dict(zip(os.environ["LISTEN_FDNAMES"].split(":"), range(3, 3 + int(os.environ["LISTEN_FDS"]))))
names = os.environ["LISTEN_FDNAMES"]
def tell(text, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(notify, [text.encode()], fds)
def put(name, fd):
    given[name] = fd
    tell("FDSTORE=1\\nFDNAME=" + name, fd)
def first():
    memory = os.memfd_create("sessions")
    os.write(memory, b"alice")
    put("memory", memory)
    pair = [end.detach() for end in socket.socketpair()]
    os.write(pair[0], b"one")
    os.set_blocking(pair[1], False)
    put("left", pair[0])
    put("right", pair[1])
    own = socket.create_server(("127.0.0.1", 0), backlog=8)
    put("own", own.detach())
def look():
    own = socket.socket(fileno=os.dup(given["own"]))
    with socket.create_connection(own.getsockname()) as client, own.accept()[0] as server:
        client.sendall(b"hello")
        heard = server.recv(5).decode()
    got = os.read(given["right"], 100)
    os.write(given["left"], got)
    return json.dumps({"pid": os.getpid(), "version": VERSION, "names": names, "memory": os.pread(given["memory"], 100, 0).decode(),
                       "pair": got.decode(), "heard": heard, "port": own.getsockname()[1],
                       "blocking": os.get_blocking(given["right"])})
'''
ASKED = '''    if path == "/first":
        first()
        return "done"
    if path == "/look":
        return look()
    if path == "/crash":
        os._exit(1)
    if path.startswith("/remove/"):
        tell("FDSTOREREMOVE=1\\nFDNAME=" + path[8:])
        return "done"
    if path == "/more":
        put("more", os.memfd_create("more"))
        return "done"
    return VERSION
'''
ALL = ["memory", "left", "right", "own"]


def storing(version="1"):
    return app(version, early=STORING).replace("    return VERSION\n", ASKED, 1)


def serve(site, **keys):
    service = Service(site, "web", {"app.py": storing()}, FileDescriptorStoreMax="4", RestartDelay="10ms", **keys)
    service.ask("/first")
    stored(service, ALL)
    return service


def stored(service, names):
    """Waits until these are stored."""
    until(lambda: service.shown["stored"] == names, f"stored is {names}: {service.shown['stored']}")


class Seen:
    """What the program finds is what it stored, whatever process of it is asked."""

    def __init__(self, service):
        self.service = service
        self.first = json.loads(service.ask("/look"))
        equal(self.first["names"], "http", "names before anything was stored")

    def again(self, version="1", other=True):
        """Another process has them all."""
        now = json.loads(self.service.ask("/look"))
        check(not other or now["pid"] != self.first["pid"], "another process answers")
        if other:
            equal(now["names"], "http:" + ":".join(ALL), "LISTEN_FDNAMES")
        equal(now["version"], version, "version")
        for key, value in {"memory": "alice", "pair": "one", "heard": "hello", "port": self.first["port"],
                           "blocking": False}.items():
            equal(now[key], value, key)
        equal(self.service.shown["stored"], ALL, "stored")
        self.first["pid"] = now["pid"]


def crash(service):
    """It crashes, and runs again."""
    pid = service.shown["pid"]
    try:
        service.ask("/crash")
    except OSError:
        pass
    until(lambda: service.shown["pid"] not in (None, pid) and service.shown["state"] == "running", "it runs again")


@test("stored-descriptors-are-given-to-the-next-process: after a crash, over reloads and restarts, not after a stop")
def given():
    with Site() as site:
        service = serve(site)
        seen = Seen(service)
        crash(service)
        seen.again()
        service.completed(service.save(storing("2")))
        seen.again("2")
        equal(site.hrctl("restart", "web").returncode, 0, "restart")
        site.drained("web")
        seen.again("2")
        check("Stored: 4: memory, left, right, own" in site.hrctl("status", "web").stdout, "hrctl status shows them")
        equal(site.service_property("web", "Stored"), ALL, "property")
        # A candidate that fails has had them, too.
        service.failed(service.save(storing("3") .replace("listener = ", "os._exit(1)\nlistener = ")))
        seen.again("2", other=False)
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        equal(service.shown["stored"], [], "stored after the stop")
        service.save(storing("2"))
        equal(site.hrctl("start", "web").returncode, 0, "start")
        equal(service.ask("/env/LISTEN_FDNAMES"), "http", "names after the stop")


@test("promise-7-the-daemon-may-die: stored descriptors outlive it, and its re-execution")
def daemon_dies():
    with Site() as site:
        service = serve(site)
        seen = Seen(service)
        for _ in range(2):
            equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
            site.start_daemon()
            seen.again(other=False)
            crash(service)
            seen.again()
        # It ends while there is no daemon.
        pid = service.shown["pid"]
        equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
        os.kill(pid, signal.SIGKILL)
        site.start_daemon()
        until(lambda: service.shown["state"] == "running", "it runs again")
        seen.again()
        equal(site.hrctl("daemon-reexec").returncode, 0, "daemon-reexec")
        seen.again(other=False)
        service.completed(service.save(storing("2")))
        seen.again("2")


@test("stored-descriptors-have-a-limit: the others are closed, and the log names service and limit")
def limit():
    with Site() as site:
        service = serve(site)
        service.ask("/more")
        until(lambda: "FileDescriptorStoreMax=4" in site.daemon_log(), "the log says so")
        check("web" in [line for line in site.daemon_log().splitlines() if "StoreMax=4" in line][0], "and of whom")
        service.ask("/remove/left")
        # The other end is of use as long as the program has this one.
        stored(service, ["memory", "right", "own"])
        service.ask("/more")
        stored(service, ["memory", "right", "own", "more"])
        crash(service)
        # Nobody has the other end any more.
        stored(service, ["memory", "own", "more"])


@test("stored-descriptors-need-the-key: without it they are closed, and nothing is given")
def off():
    with Site() as site:
        service = Service(site, "web", {"app.py": storing()}, RestartDelay="10ms")
        service.ask("/first")
        equal(service.shown["stored"], [], "stored")
        crash(service)
        equal(service.ask("/env/LISTEN_FDNAMES"), "http", "names")
        check("FileDescriptorStoreMax" not in site.daemon_log(), "nobody is told")


if __name__ == "__main__":
    sys.exit(main())
