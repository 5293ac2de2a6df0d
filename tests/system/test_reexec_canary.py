#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon becomes the program that is installed now in the middle of a canary, and that goes on."""

import math
import os
import signal
import sys
import threading

import services
from harness import Load, Site, check, equal, main, test
from http_client import get


def answer_to(service, source):
    """The answer to a request from that address."""
    status, body = get(service.port, source=source)
    equal(status, 200, "status")
    return body.strip()


CANARY = {"Percentage": "20"}


def begin_canary(site, name, canary, version="2"):
    """A service of which the version is the canary: it, where its signals begin, and its PIDs."""
    service = services.Service(site, name, groups={"Canary": canary, "State": {"Preserve": "no"}})
    mark = service.save(services.app(version))
    site.signals.wait("CanaryProgress", name, mark)
    return service, mark, set(site.left_over())


@test("promise: in the middle of a canary, over and over: it goes on with its share, as the same job, and no request is lost")
def in_canary():
    with Site() as site:
        service, mark, running = begin_canary(site, "web", CANARY)
        pid, load, before = service.pid, Load(service.port, 4), service.shown["canary"]
        equal(len(running), 2, "processes")
        for _ in range(10):
            site.reexec()
            now = service.shown["canary"]
            equal({key: now[key] for key in ("sharePermyriad", "release", "sinceUsec", "held")},
                  {key: before[key] for key in ("sharePermyriad", "release", "sinceUsec", "held")}, "the canary")
        equal((service.pid, set(site.left_over())), (pid, running), "PIDs")
        answers = [service.ask() for _ in range(1000)]
        got, deviation = answers.count("2"), math.sqrt(1000 * 0.2 * 0.8)
        check(abs(got - 200) <= 5 * deviation, "of 1000 the canary got", got)
        equal(answers.count("1"), 1000 - got, "the others")
        equal(site.hrctl("promote", "web").returncode, 0, "promote")
        event = service.completed(mark, 2)
        equal(event["args"][3], 0, "downtime")
        equal(service.pid, next(iter(running - {pid})), "PID of the new release")
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(set(load.bodies), {"1", "2"}, "both have answered")
        equal({entry["release"]: (entry["success"], (entry["canary"] or "")[:8]) for entry in site.history("web")},
              {1: (True, ""), 2: (True, "promoted")}, "history")
        check("was interrupted" not in site.daemon_log(), site.daemon_log())


@test("promise: a client of a sticky canary stays on its side while the daemon is re-executed", alike=True)
def sticky_canary():
    with Site() as site:
        service, mark, _ = begin_canary(site, "web", {"Percentage": "50", "Sticky": "yes"})
        sources = [f"127.0.1.{host}" for host in range(1, 41)]
        sides = {source: answer_to(service, source) for source in sources}
        equal(set(sides.values()), {"1", "2"}, "there are clients on both sides")
        wrong, stopping, asked = [], threading.Event(), [0]

        def ask():
            while not stopping.is_set():
                for source in sources:
                    body, asked[0] = answer_to(service, source), asked[0] + 1
                    if body != sides[source]:
                        wrong.append((source, body))
        asker = threading.Thread(target=ask)
        asker.start()
        try:
            for _ in range(8):
                site.reexec()
        finally:
            stopping.set()
            asker.join()
        check(asked[0] > len(sources), "it was asked meanwhile:", asked[0])
        equal(wrong, [], f"clients that changed sides, of {asked[0]} requests")
        equal(site.hrctl("abort", "web").returncode, 0, "abort")
        site.signals.wait("ReloadFailed", "web", mark)
        equal({answer_to(service, source) for source in sources}, {"1"}, "answers after the abort")


@test("promise: a canary that is held, ramps up, or dies goes on so after the daemon was re-executed")
def canaries():
    with Site() as site:
        ramp = {"Percentage": "10", "RampTo": "50", "RampDuration": "2s", "Steps": "4"}
        held, held_mark, _ = begin_canary(site, "held", ramp)
        equal(site.hrctl("hold", "held").returncode, 0, "hold")
        dies, dies_mark, _ = begin_canary(site, "dies", CANARY)
        ramps, ramps_mark, _ = begin_canary(site, "ramps", ramp)
        share = held.shown["canary"]["sharePermyriad"]
        site.reexec()
        # It goes up by itself; each step is told of once.
        ramps.completed(ramps_mark, 2)
        steps = [event["args"][1] for event in site.signals.events[ramps_mark:]
                 if event["signal"] == "CanaryProgress" and event["args"][0] == "ramps"]
        equal(steps, sorted(steps), "steps")
        check(len(set(steps)) >= 4 and steps[-1] == 50, "steps:", steps)
        equal((held.shown["canary"]["held"], held.shown["canary"]["sharePermyriad"]), (True, share), "what is held")
        canary = next(pid for pid, what in site.processes_of_services().items() if what[0] == "dies" and pid != dies.pid)
        os.kill(canary, signal.SIGKILL)
        event = site.signals.wait("ReloadFailed", "dies", dies_mark)
        equal(event["args"][2], "canary", "phase")
        check("signal 9" in event["args"][3], event["args"][3])
        equal(site.hrctl("resume", "held").returncode, 0, "resume")
        held.completed(held_mark, 2)


if __name__ == "__main__":
    sys.exit(main())
