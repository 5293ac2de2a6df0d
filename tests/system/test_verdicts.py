#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon is killed in the moment in which it has answered: what it has answered holds."""

import signal
import sys

from bus_client import BusClient
from harness import Gate, Site, check, equal, main, test, until
from services import Service, app, at_gate

MANUAL = {"Canary": {"Percentage": "20"}, "State": {"Preserve": "no"}}


def answer_and_die(site, member, name):
    """Calls, and kills the daemon as soon as the answer is there: no process is started in between. Then the next one."""
    with BusClient(site) as client:
        error = client.call(member, name)[0]
        site.daemon.send_signal(signal.SIGKILL)
    equal(error, None, f"error of {member}")
    equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
    site.start_daemon()


def canary_of(site):
    """A service whose release 2 is the canary, and the PID of that."""
    service = Service(site, "tried", groups=MANUAL)
    service.good(1)
    running = set(site.left_over())
    mark = service.save(app("2"))
    site.signals.wait("CanaryProgress", "tried", mark)
    return service, (set(site.left_over()) - running).pop()


def rejected(service, pid, mark):
    """Release 2 is not tried again, and what is saved next is a release as any."""
    site = service.site
    equal([(release["number"], release["fate"]) for release in site.releases("tried")], [(1, "good"), (2, "rejected")],
          "releases")
    equal((service.pid, service.shown["release"]), (pid, 1), "what serves")
    entry = site.history("tried")[0]
    equal((entry["release"], entry["phase"]), (2, "canary"), "history")
    check("the canary of release 2 of 'tried' was aborted on request of " in entry["error"], entry["error"])
    service.save(app("3"))
    site.signals.wait("CanaryProgress", "tried", mark, lambda args: args[2]["release"] == 3)
    equal([event["args"][2] for event in site.signals.seen("ReloadStarted", "tried", mark)], [3], "what was tried")
    equal(site.hrctl("promote", "tried").returncode, 0, "promote")
    site.signals.wait("ReloadCompleted", "tried", mark, lambda args: args[2] == 3)


@test("promise-7-what-was-answered-outlives-the-daemon: abort", alike=True)
def abort():
    with Site() as site:
        service, _ = canary_of(site)
        pid, mark = service.pid, site.signals.mark()
        answer_and_die(site, "Abort", "tried")
        rejected(service, pid, mark)


@test("promise-7-what-was-answered-outlives-the-daemon: rollback beside a canary", alike=True)
def rollback_of_a_canary():
    with Site() as site:
        service, _ = canary_of(site)
        pid = service.pid
        site.call("Rollback", "string:tried", "uint64:0")
        equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
        site.start_daemon()
        equal(service.last_release()["fate"], "rejected", "fate of what was rolled back from")
        equal((service.pid, service.shown["release"]), (pid, 1), "what serves")


@test("promise-7-what-was-answered-outlives-the-daemon: promote", alike=True)
def promote():
    with Site() as site:
        service, canary = canary_of(site)
        answer_and_die(site, "Promote", "tried")
        equal((service.pid, service.shown["release"]), (canary, 2), "what serves")
        service.good(2)
        site.drained("tried")
        equal({service.ask() for _ in range(50)}, {"2"}, "answers")


@test("promise-7-what-was-answered-outlives-the-daemon: hold", alike=True)
def hold():
    with Site() as site:
        service, _ = canary_of(site)
        answer_and_die(site, "Hold", "tried")
        until(lambda: (service.shown["canary"] or {}).get("held"), "the canary begins anew, and is held")
        equal((service.shown["canary"]["release"], service.shown["release"]), (2, 1), "releases")
        mark = site.signals.mark()
        equal(site.hrctl("promote", "tried").returncode, 0, "promote")
        service.completed(mark, 2)


@test("promise-7-what-was-answered-outlives-the-daemon: rollback", alike=True)
def rollback():
    with Site() as site:
        service = Service(site, "back", groups={"PostCheck": {"RollbackAfter": "600s"}})
        service.completed(service.save(app("2")), 2)
        mark = site.signals.mark()
        equal(site.hrctl("rollback", "back", "--to=1").returncode, 0, "rollback")
        site.signals.wait("RolledBack", "back", mark)
        equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
        mark = site.signals.mark()
        site.start_daemon()
        equal((service.last_release()["fate"], service.shown["release"]), ("unproven", 1), "fate, and what serves")
        equal(service.last_release()["error"], "rolled back on request", "why it is not tried again")
        # The source still holds it, and is looked at after the start.
        service.save(app("3"))
        event = site.signals.wait("ReloadStarted", "back", mark)
        equal(event["args"][2], 3, "what is tried next")
        site.signals.wait("ReloadCompleted", "back", mark, lambda args: args[2] == 3)


@test("promise-7-what-was-answered-outlives-the-daemon: stop and start", alike=True)
def stop_and_start():
    with Site() as site:
        service = Service(site, "web")
        answer_and_die(site, "Stop", "web")
        site.wait_state("web", "stopped")
        until(lambda: not site.left_over(), "no process of it is left")
        answer_and_die(site, "Start", "web")
        site.wait_state("web", "running")
        equal(service.ask(), "1", "answer")


@test("promise-7-what-was-answered-outlives-the-daemon: a stop during a reload", alike=True)
def stop_during_reload():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "web", StopTimeout="1s")
        service.save(app("2", late=at_gate(gate)))
        gate.arrived()
        answer_and_die(site, "Stop", "web")
        gate.close()
        site.wait_state("web", "stopped")
        until(lambda: not site.left_over(), "no process of it is left")


if __name__ == "__main__":
    sys.exit(main())
