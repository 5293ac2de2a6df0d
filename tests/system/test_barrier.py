#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The state barrier against the clock: the kernel keeps a program waiting in its open for so long and no longer."""

import sys

from harness import DEADLINE, Gate, NotRunHere, Site, check, equal, is_alive, main, test, until
from services import Service, app, at_gate

# What the daemon leaves the kernel; see HR_STATE_WAIT_MARGIN.
MARGIN = 5
# Longer than this nobody waits for a test.
LONGEST = 60


@test("an-old-instance-that-takes-longer-than-the-kernel-waits-keeps-its-work-and-its-state")
def beyond_the_lease():
    with open("/proc/sys/fs/lease-break-time", encoding="ascii") as file:
        limit = int(file.read())
    if not MARGIN < limit <= LONGEST:
        raise NotRunHere(f"a lease is broken after {limit} s here")
    with Site() as site:
        gate = Gate(site)
        # Writes down what a candidate sees, should it see anything.
        seen = site.path("seen")
        service = Service(site, "slow", {"app.py": app("1", keep=True, ending=at_gate(gate))}, StopTimeout="10min")
        service.good(1)
        service.ask("/grow")
        old = service.pid
        mark = service.save(app("2", keep=True, late=f"open({seen!r}, 'w').write(repr(state))\n"))
        gate.arrived()
        candidates = [pid for pid in site.processes_of_services() if pid != old]
        check(candidates, "the candidate waits")
        until(lambda: not any(is_alive(pid) for pid in candidates), "the candidate ends", limit + DEADLINE)
        check(is_alive(old), "the old instance is still at its work")
        equal(site.signals.seen("ReloadFailed", "slow", mark), [], "ends before the old one's")
        gate.release()
        event = service.failed(mark, "preserve")
        equal(event["args"][4]["errorName"], "org.hotreload.Error.TimedOut", "error")
        check("Handover=sequential" in event["args"][3], "the remedy:", event["args"][3])
        equal(site.signals.wait("RolledBack", "slow", mark)["args"][1:3], [2, 1], "from and to")
        equal((service.ask(), service.ask("/count")), ("1", "1"), "the old release and its state")
        with open(seen, "a+", encoding="utf-8") as file:
            file.seek(0)
            equal(file.read(), "", "what the candidate saw")
        # In time it works as ever.
        mark = service.save(app("3", keep=True))
        gate.release()
        service.completed(mark, 3)
        equal((service.ask(), service.ask("/count")), ("3", "1"), "the next release and the state")


if __name__ == "__main__":
    sys.exit(main())
