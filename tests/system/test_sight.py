#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs whose sockets nobody sees: static ones, and such that a script starts. They are known before the running one
is touched."""

import os
import shutil
import subprocess
import sys
import tempfile

from harness import Load, NotRunHere, Site, answers, check, equal, free_port, get, main, test, until, write_atomic

# Takes LISTEN_FDS where there are, else binds PORT.
SERVER = '''#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int
main (void)
{
  const char *answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nConnection: close\\r\\n\\r\\nVERSION";
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK), .sin_port = htons (PORT) };
  const char *passed = getenv ("LISTEN_FDS");
  int own = passed == NULL || atoi (passed) == 0, listener = own ? socket (AF_INET, SOCK_STREAM, 0) : 3, yes = 1, fd;
  char request[4096];
  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (own && (bind (listener, (struct sockaddr *) &address, sizeof address) < 0 || listen (listener, 100) < 0))
    return 1;
  while ((fd = accept (listener, NULL, NULL)) >= 0)
    {
      if (read (fd, request, sizeof request) > 0 && write (fd, answer, strlen (answer)) < 0)
        return 2;
      shutdown (fd, SHUT_WR);
      while (read (fd, request, sizeof request) > 0)
        ;
      close (fd);
    }
  return 3;
}
'''


class Static:
    """A service that is a static program, built by its own Build."""

    def __init__(self, site, keys="", program="./server"):
        if shutil.which("gcc", path=site.environment["PATH"]) is None:
            raise NotRunHere("there is no gcc")
        probe = subprocess.run(["gcc", "-static", "-x", "c", "-", "-o", site.path("probe")], input="int main (void) {}",
                               capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            raise NotRunHere("nothing can be linked statically")
        self.site, self.port = site, free_port()
        self.top = site.source("fixed", {"server.c": self.version("1"), "run": "#!/bin/sh\n./server; exit $?\n"})
        os.chmod(os.path.join(self.top, "run"), 0o755)
        site.add("fixed", f"[Service]\nExec={program}\nSource={self.top}\n{keys.format(port=self.port)}"
                          "[Check]\nBuild=gcc -static -O1 -o server server.c\n[PostCheck]\nRollbackAfter=50ms\n")
        until(lambda: answers(self.port, "1"), "an answer")

    def version(self, version):
        return SERVER.replace("VERSION", version).replace("PORT", str(self.port))

    def save(self, version):
        mark = self.site.signals.mark()
        write_atomic(os.path.join(self.top, "server.c"), self.version(version))
        return self.site.signals.wait("ReloadCompleted|ReloadFailed", "fixed", mark)

    @property
    def shown(self):
        return self.site.service("fixed")


@test("a-static-program-that-binds-is-handed-over-sequentially-and-status-says-what-to-do")
def sequential():
    with Site() as site:
        service = Static(site)
        check("linked statically" in service.shown["socketsAdvice"], service.shown)
        check("name its address in Listen and take LISTEN_FDS" in service.shown["socketsAdvice"], service.shown)
        check("Sockets: its program is linked statically" in site.hrctl("status", "fixed").stdout, "for people")
        equal(site.service_property("fixed", "SocketsAdvice"), service.shown["socketsAdvice"], "the property")
        plan = {step["phase"]: step for step in site.json("plan", "fixed")}
        equal(plan["start"]["handover"], "sequential", "what the plan says of the handover")
        check("linked statically" in plan["start"]["reason"], plan)
        check("stop the running instance" in site.hrctl("plan", "fixed").stdout, "for people")
        for version in ("2", "3"):
            event = service.save(version)
            equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
            until(lambda answer=version: answers(service.port, answer), "the new one answers")


GO = '''package main
import ("fmt"; "net"; "net/http"; "os")
func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "VERSION") })
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if os.Getenv("LISTEN_FDS") != "1" {
		listener, err = net.Listen("tcp", "127.0.0.1:" + os.Getenv("PORT"))
	}
	if err != nil {
		panic(err)
	}
	panic(http.Serve(listener, nil))
}
'''


def build_go(directory, cgo):
    """Builds both versions of it there: server-1 and server-2."""
    if shutil.which("go") is None:
        raise NotRunHere("there is no Go compiler")
    environment = {**os.environ, "CGO_ENABLED": cgo, "GOCACHE": os.path.join(directory, "cache"), "GO111MODULE": "off",
                   "GOFLAGS": "", "GOPATH": directory}
    source = os.path.join(directory, "main.go")
    for version in ("1", "2"):
        write_atomic(source, GO.replace("VERSION", version))
        subprocess.run(["go", "build", "-ldflags=-s -w", "-o", os.path.join(directory, "server-" + version), source],
                       env=environment, check=True)


class Go:
    """A service written in Go, built elsewhere."""

    def __init__(self, site, built, keys=""):
        self.site, self.built, self.port = site, built, free_port()
        self.top = site.source("go", {"README": "It is built elsewhere.\n"})
        shutil.copy(os.path.join(built, "server-1"), os.path.join(self.top, "server"))
        site.add("go", f"[Service]\nExec=./server\nSource={self.top}\nEnvironment=PORT={self.port}\n"
                       f"{keys.format(port=self.port)}[PostCheck]\nRollbackAfter=50ms\n")
        until(lambda: answers(self.port, "1"), "an answer")

    def save(self, version):
        mark = self.site.signals.mark()
        shutil.copy(os.path.join(self.built, "server-" + version), os.path.join(self.top, "new"))
        os.rename(os.path.join(self.top, "new"), os.path.join(self.top, "server"))
        return self.site.signals.wait("ReloadCompleted|ReloadFailed", "go", mark)

    @property
    def shown(self):
        return self.site.service("go")


def binds_in_go(service):
    check("its program is written in Go" in service.shown["socketsAdvice"], service.shown)
    plan = {step["phase"]: step for step in service.site.json("plan", "go")}
    equal(plan["start"]["handover"], "sequential", "the plan")
    equal(service.save("2")["signal"], "ReloadCompleted", "end of the reload")
    until(lambda: answers(service.port, "2"), "the new one answers")


def binds_in_go_with_adopt(service):
    pid = service.shown["pid"]
    event = service.save("2")
    equal((event["signal"], event["args"][2]), ("ReloadFailed", "check"), "end of the reload")
    check("written in Go" in event["args"][3] and "take LISTEN_FDS" in event["args"][3], event["args"][3])
    equal((service.shown["pid"], get(service.port)), (pid, (200, "1")), "the old one serves")


def takes_in_go(service):
    load = Load(service.port)
    event = service.save("2")
    equal((event["signal"], event["args"][3]), ("ReloadCompleted", 0), "end of the reload, and the downtime")
    until(lambda: answers(service.port, "2"), "the new one answers")
    check(not any("refused" in str(failure).lower() for failure in load.stop()), "nobody is refused")


@test("a-program-in-Go-is-known-before-the-old-one-is-touched: what binds is handed over sequentially, what takes its socket in overlap", alike=True)
def in_go():
    # Linked with the C library, whose calls it does not make, and without.
    for cgo in ("1", "0"):
        with tempfile.TemporaryDirectory() as built:
            build_go(built, cgo)
            with Site() as site:
                binds_in_go(Go(site, built))
            with Site() as site:
                binds_in_go_with_adopt(Go(site, built, "Sockets=adopt\n"))
            with Site() as site:
                takes_in_go(Go(site, built, "Listen=http=tcp:127.0.0.1:{port}\n"))


@test("a-static-program-with-Sockets=adopt-is-refused-before-anything-is-started-and-the-old-one-serves-on")
def refused():
    with Site() as site:
        service = Static(site, "Sockets=adopt\n")
        plan = site.json("plan", "fixed")
        equal((plan[-1]["phase"], plan[-1]["handover"]), ("check", "refused"), "the last step of the plan")
        load, pid = Load(service.port), service.shown["pid"]
        event = service.save("2")
        equal((event["signal"], event["args"][2]), ("ReloadFailed", "check"), "end of the reload")
        check("linked statically" in event["args"][3] and "take LISTEN_FDS" in event["args"][3], event["args"][3])
        equal(event["args"][4]["errorName"], "org.hotreload.Error.NotSupported", "its name")
        equal((service.shown["pid"], get(service.port)), (pid, (200, "1")), "the old one serves")
        equal(load.stop(), [], "failures")


@test("a-static-program-that-takes-its-socket-is-handed-over-in-overlap-and-nobody-is-refused")
def passed():
    with Site() as site:
        service = Static(site, "Listen=http=tcp:127.0.0.1:{port}\n")
        check("it must take LISTEN_FDS" in service.shown["socketsAdvice"], service.shown)
        equal([step["handover"] for step in site.json("plan", "fixed") if step["phase"] == "start"], ["overlap"], "the plan")
        load = Load(service.port)
        event = service.save("2")
        equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
        equal(event["args"][3], 0, "downtime")
        until(lambda: answers(service.port, "2"), "the new one answers")
        # It ends at once when it is told to, also in the middle of an answer; that is its own doing.
        failures = load.stop()
        check(not any("refused" in str(failure).lower() for failure in failures), "nobody is refused", failures)


@test("a-static-program-that-a-script-starts-is-known-when-it-runs")
def launcher():
    with Site() as site:
        service = Static(site, program="./run")
        event = service.save("2")
        equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
        until(lambda: answers(service.port, "2"), "the new one answers")
        check("a process of it that listens does not load the preload library" in service.shown["socketsAdvice"],
              service.shown)


@test("a-program-that-can-be-seen-needs-no-advice")
def seen():
    with Site() as site:
        top = site.source("plain", {"run": "#!/bin/sh\nexec sleep 1000\n"})
        os.chmod(os.path.join(top, "run"), 0o755)
        site.add("plain", f"[Service]\nExec=./run\nSource={top}\n")
        equal(site.service("plain")["socketsAdvice"], None, "advice")
        equal([(step["handover"], step["reason"]) for step in site.json("plan", "plain") if step["phase"] == "start"],
              [("overlap", None)], "the plan")
        equal(site.service_property("plain", "SocketsAdvice"), "", "the property")


if __name__ == "__main__":
    sys.exit(main())
