#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who has saved what never comes up, and mends it, does not wait for StartTimeout."""

import sys

from harness import Gate, Site, check, equal, main, test, until
from services import Service, app, at_gate

# Whatever waits for one of these waits for longer than the test.
LONG = "600s"


def superseded(service, mark, phase, release=3):
    """What was tried when the mark was made has given way to the next release, which serves."""
    site = service.site
    event = service.failed(mark, phase)
    check("superseded by a newer change" in event["args"][3], "message:", event["args"][3])
    equal(event["args"][4]["errorName"], "org.hotreload.Error.Cancelled", "error")
    completed = site.signals.wait("ReloadCompleted", service.name, mark)
    equal(completed["args"][2], release, "release")
    until(lambda: service.ask() == str(release), "it serves")
    site.drained(service.name)
    rejected = service.releases[-2]
    equal((rejected["number"], rejected["fate"], rejected["phase"]), (release - 1, "rejected", phase), "what gave way")
    entries = [(entry["release"], entry["success"], entry["phase"]) for entry in site.history(service.name)[:2]]
    equal(entries, [(release, True, None), (release - 1, False, phase)], "history")
    check("superseded by a newer change" in site.history(service.name)[1]["error"], "the history's error")
    equal(service.shown["error"], None, "error in status")


@test("a-fix-does-not-wait: for a version that never becomes ready", alike=True)
def never_ready():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "stuck", StartTimeout=LONG)
        mark = service.save(app("2", late=at_gate(gate)))
        gate.arrived()
        service.save(app("3"))
        superseded(service, mark, "ready")
        equal([entry["downtimeUsec"] for entry in site.history("stuck")[:2]], [0, 0], "downtime")
        gate.close()


@test("a-fix-does-not-wait: for a check that does not end", alike=True)
def never_checked():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "built", groups={"Check": {
            "Build": f"sh -c 'if grep -q WAIT app.py; then cat {gate.path}; fi'", "Timeout": LONG}})
        mark = service.save(app("2") + "# WAIT\n")
        gate.arrived()
        service.save(app("3"))
        superseded(service, mark, "check")
        gate.close()


@test("a-fix-does-not-wait: for a first start", alike=True)
def first_start():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "first", {"app.py": app("1", late=at_gate(gate))}, start=False, StartTimeout=LONG)
        mark = site.signals.mark()
        equal(site.hrctl("daemon-reload", "--no-wait").returncode, 0, "daemon-reload")
        gate.arrived()
        service.save(app("2"))
        superseded(service, mark, "ready", release=2)
        gate.close()


@test("a-fix-does-not-wait: with state, which the old release and then the fixed one goes on with", alike=True)
def with_state():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "kept", {"app.py": app(keep=True)}, StartTimeout=LONG)
        service.ask("/grow")
        mark = service.save(app("2", keep=True, late=at_gate(gate)))
        gate.arrived()
        service.save(app("3", keep=True))
        superseded(service, mark, "ready")
        equal(service.ask("/count"), "1", "its state")
        gate.close()


if __name__ == "__main__":
    sys.exit(main())
