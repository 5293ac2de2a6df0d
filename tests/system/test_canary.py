#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A new release that gets a share of the new connections beside the old one, under load."""

import contextlib
import ctypes
import fcntl
import math
import os
import random
import re
import signal
import socket
import struct
import sys

from harness import BUILD, DEADLINE, Follower, Load, NotRunHere, Site, check, equal, main, test, until
from http_client import get
from services import EVENTS, RATES, EventStream, Service, Unmodified, app, counting

MANUAL = {"Canary": {"Percentage": "20"}, "State": {"Preserve": "no"}}

# How many connections a share is measured over, and what it may differ by, in standard deviations.
CONNECTIONS = 2000
DEVIATIONS = 5


def ask(port, source="127.0.0.1", host="127.0.0.1"):
    """The answer to one request over a connection of its own."""
    status, body = get(port, source=source, host=host)
    equal(status, 200, f"status of {body!r}")
    return body.strip()


def canary(service):
    return service.shown["canary"]


def begin(service, version):
    """Saves a version and waits until it is the canary."""
    mark = service.save(app(version))
    service.site.signals.wait("CanaryProgress", service.name, mark)
    return mark


def aborted(service, mark):
    event = service.site.signals.wait("ReloadFailed", service.name, mark)
    equal(event["args"][2], "canary", "the phase")
    until(lambda: canary(service) is None and service.shown["state"] == "running", "the canary is gone")
    return event


@test("a-share-of-20-percent-is-20-percent-and-100-after-promote-without-a-failure")
def share():
    with Site() as site:
        service = Service(site, "shared", groups=MANUAL)
        old = service.pid
        load = Load(service.port, 4)
        mark = begin(service, "2")
        answers = [ask(service.port) for _ in range(CONNECTIONS)]
        got, deviation = answers.count("2"), math.sqrt(CONNECTIONS * 0.2 * 0.8)
        check(abs(got - CONNECTIONS * 0.2) <= DEVIATIONS * deviation, "of", CONNECTIONS, "the canary got", got)
        equal(answers.count("1"), CONNECTIONS - got, "the others")
        shown = canary(service)
        equal((shown["release"], shown["previousRelease"], shown["sharePermyriad"], shown["held"]), (2, 1, 2000, False),
              "the status")
        check("20% of the new connections" in site.hrctl("status", "shared").stdout, "people see it")
        equal(service.pid, old, "the PID")
        equal(site.hrctl("promote", "shared").returncode, 0, "promote")
        service.completed(mark, 2)
        equal({ask(service.port) for _ in range(200)}, {"2"}, "all answers")
        equal(load.stop(), [], "failures")
        equal(set(load.bodies), {"1", "2"}, "both answered")
        entry = site.history("shared")[0]
        check(entry["canary"].startswith("promoted on request of ") and " at 20%: " in entry["canary"], "the history:", entry["canary"])


@test("a-ramp-ends-by-itself-and-tells-each-step", alike=True)
def ramp():
    with Site() as site:
        service = Service(site, "ramp", groups={"Canary": {"Percentage": "10", "RampDuration": "900ms", "Steps": "3"}})
        load = Load(service.port, 4)
        mark = service.save(app("2"))
        event = service.completed(mark, 2)
        equal([e["args"][1] for e in site.signals.seen("CanaryProgress", "ramp", mark)], [10, 40, 70, 100, 100], "steps")
        check(event["args"][4]["canary"].startswith("passed at 100%"), "the details:", event["args"][4]["canary"])
        equal(load.stop(), [], "failures")


@test("promise-3-aborts-at-random-moments-lose-no-connection", alike=True)
def aborts():
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}")
    chance = random.Random(seed)
    with Site() as site:
        service = Service(site, "tried", groups={**MANUAL, "Service": {"DrainTimeout": "5s"}})
        load = Load(service.port, 4)
        for version in range(2, 6):
            mark = begin(service, str(version))
            for _ in range(chance.randrange(1, 60)):
                ask(service.port)
            equal(site.hrctl("abort", "tried").returncode, 0, "abort")
            aborted(service, mark)
            equal({ask(service.port) for _ in range(100)}, {"1"}, "answers after the abort")
            equal(service.shown["release"], 1, "the release")
        equal(load.stop(), [], "failures")


@test("abort-and-rollback-wait-for-nothing-that-the-canary-has-accepted-and-that-it-finishes")
def decided_at_once():
    with Site() as site:
        service = Unmodified(site, EVENTS, "DrainTimeout=600s\nStopTimeout=1s\n[Canary]\nPercentage=30\n[State]\n"
                             "Preserve=no\n")
        old = site.service(service.name)["pid"]
        load = Load(service.port, 4, "/version")
        for version, verb in (("2", "abort"), ("3", "rollback")):
            mark = service.save(version)
            site.signals.wait("CanaryProgress", service.name, mark)
            stream = EventStream(service.port)
            while stream.next() != version:
                stream = EventStream(service.port)
            words = site.hrctl(verb, service.name)
            equal(words.returncode, 0, f"{verb}: {words.stderr}")
            equal(site.signals.wait("ReloadFailed", service.name, mark)["args"][2], "canary", "the phase")
            shown = site.service(service.name)
            equal((shown["state"], shown["release"], shown["canary"]), ("running", 1, None), "the status")
            equal({get(service.port, "/version")[1] for _ in range(100)}, {"1"}, f"answers after {verb}")
            equal(stream.next(), version, "an event of what the canary had accepted")
            equal(site.service(service.name)["pid"], old, "the PID")
            if verb == "rollback":
                check("the canary of release 3 of 'plain' was aborted" in words.stdout, words.stdout)
        # The next reload ends it first: two are the most.
        equal(site.hrctl("reload", "--no-wait", service.name).returncode, 0, "reload")
        stream.ended()
        equal(load.stop(), [], f"failures of {load.count} requests")


@test("pain-03-a-canary-that-is-killed-loses-only-what-it-had-accepted")
def killed():
    with Site() as site:
        service = Service(site, "killed", groups=MANUAL)
        old = service.pid
        mark = begin(service, "2")
        pids = set(site.processes_of_services()) - {old}
        load = Load(service.port, 1)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        event = aborted(service, mark)
        check("while release 2 of 'killed' was a canary: " in event["args"][3], "the reason:", event["args"][3])
        equal({ask(service.port) for _ in range(200)}, {"1"}, "answers")
        # One connection at a time: no more than one can have been in its hands.
        check(len(load.stop()) <= 1, "failures", load.count)
        equal(service.pid, old, "the PID")


# Exits with 1 when the answer is "ill"; knows nothing of two instances.
PROBE = """import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as connection:
    connection.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    sys.exit(connection.makefile("rb").read().endswith(b"ill"))
"""


@test("a-canary-whose-probe-fails-is-aborted-by-itself-while-the-probe-of-the-old-one-passes", alike=True)
def unhealthy():
    with Site() as site:
        probe, sign = site.path("probe.py"), site.path("ill-now")
        with open(probe, "w", encoding="utf-8") as file:
            file.write(PROBE)
        service = Service(site, "ill", groups=MANUAL)
        service.groups["Health"] = {"Probe": f"exec:{sys.executable} {probe} {service.port}", "Interval": "100ms",
                                    "Timeout": "10s", "Failures": "2"}
        service.write_file()
        site.hrctl("daemon-reload")
        until(lambda: service.shown["health"] == "healthy", "the probe passes")
        mark = service.save(app("2").replace(
            "    return VERSION\n", f"    return 'ill' if os.path.exists({sign!r}) else VERSION\n"))
        site.signals.wait("CanaryProgress", "ill", mark)
        until(lambda: canary(service)["probes"] >= 3 and canary(service)["previousProbes"] >= 3, "both are probed")
        open(sign, "w", encoding="utf-8").close()
        event = aborted(service, mark)
        check("the canary of release 2 of 'ill' at 20%" in event["args"][3], "the reason:", event["args"][3])
        equal((service.shown["release"], service.shown["health"]), (1, "healthy"), "the old one")
        equal({ask(service.port) for _ in range(100)}, {"1"}, "answers")


@test("a-canary-is-compared-by-the-metrics-that-PostCheck-names, each of its own release")
def metrics():
    with Site() as site:
        canary = {"Percentage": "50", "RampTo": "50", "RampDuration": "30s", "Steps": "1"}
        service = Service(site, "rates", {"app.py": counting("1", 5)}, {
            "Canary": canary, "State": {"Preserve": "no"}, "PostCheck": {**RATES, "Baseline": "yes"}})
        load = Load(service.port, 4)
        service.good(1)
        # Each second of its answers counts as an error: 50 %, where it is 20 % for the old one.
        mark = service.save(counting("2", 2))
        site.signals.wait("CanaryProgress", "rates", mark)
        event = aborted(service, mark)
        check(re.search(r"ErrorRate: [45]\d(\.\d+)?% \(\d+ of \d+ requests\) is more than 5 points above the "
                        r"(1\d|2\d)(\.\d+)?% \(\d+ of \d+ requests\)", event["args"][3]),
              "the reason has the figures of both:", event["args"][3])
        equal(service.ask(), "1", "answer")
        # One that is no worse goes on to the end.
        service.groups["Canary"]["RampDuration"] = "2s"
        service.write_file()
        equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
        event = service.completed(service.save(counting("3", 5)), 3)
        check("passed at 50%: its ErrorRate was " in event["args"][4]["canary"], "so has what it passed by:",
              event["args"][4]["canary"])
        equal(load.stop(), [], "failures")
        equal(set(load.bodies), {"1", "2", "3"}, "answers")


@test("pain-12-what-is-asked-for-during-a-canary-waits-for-its-end, and hrctl says so and how to end it", alike=True)
def waits_for_canary():
    with Site() as site:
        service = Service(site, "queued", groups=MANUAL)
        mark = begin(service, "2")
        service.save(app("3"))
        follower = Follower(site, "reload", "queued")
        follower.wait_err("this waits for the end of the canary")
        follower.wait_err("'hrctl promote queued' or 'hrctl abort queued' ends it")
        equal(site.hrctl("abort", "queued").returncode, 0, "abort")
        equal(site.signals.wait("ReloadFailed", "queued", mark)["args"][2], "canary", "the phase")
        # Its turn: it is a canary in turn.
        until(lambda: (canary(service) or {}).get("release") == 3, "the canary of what was asked for")
        equal(site.hrctl("promote", "queued").returncode, 0, "promote")
        equal(follower.process.wait(DEADLINE), 0, "exit status of the reload")
        equal(service.ask(), "3", "answer")


def expect_two_sides(port, sources, host="127.0.0.1"):
    """Asks from each of these addresses several times: each must always have the same answer, and not all the same."""
    sides = {}
    for _ in range(5):
        for source in sources:
            sides.setdefault(source, set()).add(ask(port, source, host))
    equal([source for source, seen in sides.items() if len(seen) != 1], [], "clients that changed sides")
    equal({next(iter(seen)) for seen in sides.values()}, {"1", "2"}, "both sides have clients")


@test("sticky-clients-never-change-sides-while-the-share-is-constant")
def sticky():
    with Site() as site:
        service = Service(site, "sticky", groups={"Canary": {"Percentage": "50", "Sticky": "yes"}})
        begin(service, "2")
        expect_two_sides(service.port, [f"127.0.1.{host}" for host in range(1, 61)])
        equal(site.hrctl("hold", "sticky").returncode, 0, "hold")
        equal(canary(service)["held"], True, "it is held")
        equal(site.hrctl("resume", "sticky").returncode, 0, "resume")
        equal(canary(service)["held"], False, "it goes on")
        equal(site.hrctl("stop", "sticky").returncode, 0, "stop")
        until(lambda: service.shown["state"] == "stopped", "it is stopped")


# As the kernel has them; Python 3.11 knows none of them.
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFINDEX, SIOCSIFADDR = 0x8913, 0x8914, 0x8933, 0x8916
IFF_UP = 1


def add_addresses(addresses):
    """Brings up the loopback interface, and gives it these addresses of IPv6, each in its /64."""
    name = struct.pack("16s24x", b"lo")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        flags, = struct.unpack_from("h", fcntl.ioctl(control, SIOCGIFFLAGS, name), 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
        index, = struct.unpack_from("i", fcntl.ioctl(control, SIOCGIFINDEX, name), 16)
        for address in addresses:
            fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, address), 64, index))


@contextlib.contextmanager
def own_network(addresses):
    """Whatever is started in it is on a network of its own, of which there is nothing but these addresses."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", encoding="utf-8") as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise NotRunHere(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
        try:
            try:
                add_addresses(addresses)
            except OSError as error:
                raise NotRunHere(f"lo gets no addresses of IPv6: {error}") from error
            yield
        finally:
            equal(libc.setns(before.fileno(), CLONE_NEWNET), 0, "the way back from the network")


@test("sticky-clients-of-one-IPv6-network-are-told-apart-by-their-whole-address-and-never-change-sides", alike=True)
def sticky_on_ipv6():
    # All of one /64, as the clients of one provider may be.
    sources = [f"fd00:5ca1:ab1e:1::{host:x}" for host in range(0x10, 0x10 + 40)]
    with own_network(sources), Site() as site:
        service = Service(site, "sticky", groups={"Canary": {"Percentage": "50", "Sticky": "yes"}}, start=False)
        service.groups["Service"]["Listen"] = f"http=tcp:[{sources[0]}]:{service.port}"
        service.write_file()
        service.begin()
        begin(service, "2")
        expect_two_sides(service.port, sources, sources[0])
        equal(site.hrctl("abort", "sticky").returncode, 0, "abort")
        until(lambda: canary(service) is None and service.shown["state"] == "running", "the canary is gone")
        equal({ask(service.port, source, sources[0]) for source in sources}, {"1"}, "answers after the abort")


NODE = ("/usr/bin/node", "app.js", '''require("http").createServer((request, response) => response.end("VERSION"))
  .listen(PORT, "127.0.0.1");
''')


@test("an-unmodified-node-server-has-a-canary-that-is-aborted-and-one-that-is-promoted-without-a-failure")
def node():
    with Site() as site:
        if not os.path.exists(NODE[0]):
            raise NotRunHere("there is no node")
        # Nothing in Listen: its listener is the one that it binds.
        service = Unmodified(site, NODE, "[Canary]\nPercentage=30\n[State]\nPreserve=no\n[PostCheck]\nRollbackAfter=50ms\n")
        load, old = Load(service.port, 4), site.service(service.name)["pid"]
        for version, verb in (("2", "abort"), ("3", "promote")):
            mark = service.save(version)
            site.signals.wait("CanaryProgress", service.name, mark)
            answers = [ask(service.port) for _ in range(500)]
            got, deviation = answers.count(version), math.sqrt(500 * 0.3 * 0.7)
            check(abs(got - 500 * 0.3) <= DEVIATIONS * deviation, "of 500 the canary got", got)
            equal(answers.count("1"), 500 - got, "the others")
            equal(site.service(service.name)["pid"], old, "the PID while there is a canary")
            equal(site.hrctl(verb, service.name).returncode, 0, verb)
            event = site.signals.wait("ReloadCompleted|ReloadFailed", service.name, mark)
            equal(event["signal"], {"abort": "ReloadFailed", "promote": "ReloadCompleted"}[verb], verb)
            site.drained(service.name)
            equal({ask(service.port) for _ in range(100)}, {"1" if verb == "abort" else version}, f"answers after {verb}")
        equal(load.stop(), [], f"failures of {load.count} requests")


@test("what-cannot-have-a-canary-is-refused-and-what-has-none-is-not-promoted", alike=True)
def refused():
    with Site() as site:
        path = site.service_file("wrong", "[Service]\nExec=true\nSource=/tmp\nSockets=none\n[Canary]\nPercentage=5\n")
        result = site.hrctl("check", path)
        equal(result.returncode, 1, "exit code of check")
        check("group 'Canary': key 'Percentage'" in result.stderr and "write Sockets=auto" in result.stderr, result.stderr)
        os.remove(path)
        path = site.service_file("right", "[Service]\nExec=true\nSource=/tmp\n[Canary]\nPercentage=5\n")
        result = site.hrctl("check", path)
        equal(result.returncode, 0, "exit code of check")
        check("note: a canary candidate gets no state" in result.stdout, result.stdout)
        os.remove(path)
        static = os.path.join(BUILD, "tests", "os", "passed-program-static")
        path = site.service_file("static", f"[Service]\nExec={static}\nSource=/tmp\nListen=http=tcp:127.0.0.1:0\n[Canary]\nPercentage=5\n")
        for words in (("check", path), ("daemon-reload",)):
            result = site.hrctl(*words)
            equal(result.returncode, 1, f"exit code of {words}")
            check("key 'Percentage': '" in result.stderr and "cannot have a canary" in result.stderr, result.stderr)
        os.remove(path)
        Service(site, "plain")
        for verb in ("promote", "abort", "hold"):
            result = site.hrctl(verb, "plain")
            equal(result.returncode, 1, verb)
            check("'plain' has no canary: its service file asks for none" in result.stderr, result.stderr)
            equal(site.hrctl(verb, "nobody").returncode, 10, verb)


if __name__ == "__main__":
    sys.exit(main())
