#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cancel, from outside, in every phase a job can be seen in: the old release serves as before, the job and the history
say what happened, no process of the candidate is left, and the next reload works."""

import os
import sys

from harness import Gate, Site, check, equal, is_alive, main, test, until
from services import PYTHON, Service, app, at_gate

JOB = "org.hotreload.Job"


def reload_by_hand(service):
    return service.site.call("Reload", f"string:{service.name}")[0]


def in_phase(site, job, phase):
    until(lambda: site.job_property(job, "Phase") == phase, f"{job} is in phase '{phase}'")


def cancelled(service, job, mark, phase, gates=()):
    """Cancels a job that is in this phase; checks what a cancelled reload leaves behind. The old release must serve
    once the gates are open."""
    site = service.site
    site.call("Cancel", path=job, interface=JOB)
    for gate in gates:
        gate.close()
    event = site.signals.wait("ReloadFailed", service.name, mark, lambda args: args[1] == job)
    equal((event["args"][2], event["args"][4]["errorName"]), (phase, "org.hotreload.Error.Cancelled"), "phase and error")
    equal(site.job_ended(job), "cancelled", "result of the job")
    check("cancelled" in site.job_property(job, "Error"), "the job's error:", site.job_property(job, "Error"))
    entry = site.history(service.name)[0]
    equal((entry["success"], entry["phase"]), (False, phase), "history")
    check("cancelled" in entry["error"], "the history's error:", entry["error"])
    # Whose end has been said is gone: no process of a candidate is left, nor of what checked it.
    instances = {instance for name, instance in site.processes_of_services().values() if name == service.name}
    equal(len(instances), 1, "instances")
    result = site.dbus_send("Cancel", path=job, interface=JOB)
    check("org.hotreload.Error.Failed" in result.stderr and "has ended already" in result.stderr, result.stderr)


def still(service, pid, *answers):
    equal((service.pid, service.ask(), *(["1"] if len(answers) > 1 else [])), (pid, *answers), "PID and answer")


def begin(service, text, phase, gate=None):
    """Saves the text and waits until its reload is in this phase; returns mark and job."""
    mark = service.save(text)
    if gate is not None:
        gate.arrived()
    job = service.site.signals.wait("ReloadStarted", service.name, mark)["args"][1]
    in_phase(service.site, job, phase)
    return mark, job


@test("cancel-in-wait: a job that waits ends, the one that runs goes on", alike=True)
def cancel_in_wait():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "wait")
        mark, running = begin(service, app("2", late=at_gate(gate)), "ready", gate)
        waiting = reload_by_hand(service)
        equal(site.job_property(waiting, "Result"), "waiting", "result of the second job")
        site.call("Cancel", path=waiting, interface=JOB)
        equal(site.job_ended(waiting), "cancelled", "result of the job that waited")
        event = site.signals.wait("ReloadFailed", "wait", mark)
        equal((event["args"][1:3], event["args"][4]["errorName"]),
              ([waiting, "wait"], "org.hotreload.Error.Cancelled"), "job, phase and error")
        equal(site.history("wait")[0]["phase"], "wait", "phase in the history")
        equal(site.job_property(running, "Result"), "running", "the job that runs")
        gate.release()
        equal(site.signals.wait("ReloadCompleted", "wait", mark)["args"][1], running, "job that completed")
        equal(service.ask(), "2", "answer")
        equal(len(site.signals.seen("ReloadStarted", "wait", mark)), 1, "reloads that began")
        service.completed(service.save(app("3")), 3)


# Takes its time to be read and to be written: zeros, so that it costs little room in the store.
LARGE = 256 << 20


def large_file(service):
    with open(service.path("large"), "wb") as file:
        file.truncate(LARGE)


@test("cancel-in-record: nothing is recorded, and the next reload records it", alike=True)
def cancel_in_record():
    with Site() as site:
        service = Service(site, "record", groups={"Watch": {"Enabled": "no"}})
        pid = service.pid
        large_file(service)
        mark = site.signals.mark()
        job = reload_by_hand(service)
        in_phase(site, job, "record")
        cancelled(service, job, mark, "record")
        still(service, pid, "1")
        equal(site.signals.seen("ReloadStarted", "record", mark), [], "reloads that began")
        os.unlink(service.path("large"))
        service.save(app("2"))
        equal(site.hrctl("reload", "record").returncode, 0, "the next reload")
        equal(service.ask(), "2", "answer")


@test("cancel-in-place: the other slot is half written, and the next reload puts it right", alike=True)
def cancel_in_place():
    with Site() as site:
        service = Service(site, "place", groups={"Watch": {"Enabled": "no"}})
        pid = service.pid
        large_file(service)
        mark = site.signals.mark()
        job = reload_by_hand(service)
        in_phase(site, job, "place")
        cancelled(service, job, mark, "place")
        still(service, pid, "1")
        with open(service.path("large"), "wb") as file:
            file.write(b"small")
        service.save(app("2"))
        equal(site.hrctl("reload", "place").returncode, 0, "the next reload")
        equal((service.ask(), service.evaluate("open('large').read()")), ("2", "small"), "what the new release runs")


@test("cancel-in-place: while an older instance ends, the newer one goes on", alike=True)
def cancel_in_place_of_a_third():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "third", {"app.py": app("1", ending=at_gate(gate))},
                          DrainTimeout="600s", StopTimeout="600s")
        service.completed(service.save(app("2")), 2, drained=False)
        gate.arrived()
        pid = service.pid
        mark, job = begin(service, app("3"), "place")
        site.call("Cancel", path=job, interface=JOB)
        equal(site.job_ended(job), "cancelled", "result of the job")
        equal(service.failed(mark, "place")["args"][1], job, "job")
        still(service, pid, "2")
        gate.close()
        site.drained("third")
        service.completed(service.save(app("4")), 4)


@test("cancel-in-check-ready-and-verify: the old one was never told to stop")
def cancel_early():
    with Site() as site:
        gate = Gate(site)
        wait = f"sh -c 'grep -q WAIT-IN-{{}} app.py && cat {gate.path}; true'"
        service = Service(site, "early", {"app.py": app()},
                          {"Check": {"PreCheck": wait.format("CHECK")},
                           "Health": {"Probe": "exec:" + wait.format("VERIFY"), "Timeout": "60s"}})
        pid = service.pid
        for phase, text in (("check", app("2") + "# WAIT-IN-CHECK\n"), ("ready", app("3", early=at_gate(gate))),
                            ("ready", app("4", late=at_gate(gate))), ("verify", app("5") + "# WAIT-IN-VERIFY\n")):
            mark, job = begin(service, text, phase, gate)
            cancelled(service, job, mark, phase)
            gate.close()
            still(service, pid, "1")
            equal(service.releases[-1]["fate"], "rejected", f"fate after a cancel in {phase}")
        equal(service.completed(service.save(app("6")), 6)["args"][4]["previousRelease"], 1, "previous release")


@test("cancel-in-preserve-and-after-it: the old release runs again with its state")
def cancel_late():
    with Site() as site:
        ending, late = Gate(site, "ending"), Gate(site, "late")
        service = Service(site, "late", {"app.py": app(keep=True, ending=at_gate(ending))})
        service.ask("/grow")
        mark, job = begin(service, app("2", keep=True), "preserve", ending)
        cancelled(service, job, mark, "preserve", [ending])
        equal(site.signals.wait("RolledBack", "late", mark)["args"][1:3], [2, 1], "from and to")
        equal((service.ask(), service.ask("/count")), ("1", "1"), "after a cancel in preserve")
        service.ask("/grow")
        mark = service.save(app("3", keep=True, late=at_gate(late)))
        ending.release()
        late.arrived()
        job = site.signals.wait("ReloadStarted", "late", mark)["args"][1]
        in_phase(site, job, "ready")
        cancelled(service, job, mark, "ready", [late])
        equal(site.signals.wait("RolledBack", "late", mark)["args"][1:3], [3, 1], "from and to")
        equal((service.ask(), service.ask("/count")), ("1", "2"), "after a cancel once the state was given")
        mark = service.save(app("4", keep=True))
        ending.release()
        service.completed(mark, 4)
        equal((service.ask(), service.ask("/count")), ("4", "2"), "after the next reload")


# Without the library nobody can keep the old instance from accepting: the switch lasts until it has let go.
UNSEEN = f"env -u LD_PRELOAD {PYTHON} app.py"


@test("cancel-in-switch: it is refused, for it cannot be undone, and says so", alike=True)
def cancel_in_switch():
    with Site() as site:
        gate = Gate(site)
        # The old one keeps its listener while it ends, so the switch lasts until it has let go.
        text = app().replace("    if wake_in in ready:\n        break\n",
                             f"    if wake_in in ready:\n        open({gate.path!r}).read()\n        break\n")
        service = Service(site, "switch", {"app.py": text}, Exec=UNSEEN)
        mark, job = begin(service, app("2"), "switch", gate)
        result = site.dbus_send("Cancel", path=job, interface=JOB)
        # The phase lasts a second at most: whoever comes later hears that the job has ended.
        check("org.hotreload.Error.NotSupported" in result.stderr and "'switch'" in result.stderr, result.stderr)
        service.completed(mark, 2, drained=False)
        equal(site.job_ended(job), "completed", "result")
        gate.release()
        site.drained("switch")
        equal(service.ask(), "2", "answer")


@test("cancel-in-switch: a stop lets it end, and does not bring the old release back first", alike=True)
def stop_in_switch():
    with Site() as site:
        gate = Gate(site)
        text = app().replace("    if wake_in in ready:\n        break\n",
                             f"    if wake_in in ready:\n        open({gate.path!r}).read()\n        break\n")
        service = Service(site, "stop", {"app.py": text}, Exec=UNSEEN, DrainTimeout="600s", StopTimeout="200ms")
        mark, job = begin(service, app("2"), "switch", gate)
        stop = site.call("Stop", "string:stop")[0]
        equal(service.completed(mark, 2, drained=False)["args"][1], job, "job")
        equal(site.job_ended(stop), "completed", "result of the stop")
        equal(site.processes_of_services(), {}, "processes")
        gate.close()


@test("cancel: a start that never becomes ready ends, and a stop cannot be cancelled", alike=True)
def cancel_start_and_stop():
    with Site() as site:
        gate = Gate(site)
        # At the gate it does not hear the stop signal.
        service = Service(site, "other", {"app.py": app("1", late=at_gate(gate))}, start=False, StopTimeout="200ms")
        site.hrctl("daemon-reload", "--no-wait")
        gate.release()
        site.wait_state("other", "running")
        service.good(1)
        pid = service.pid
        job = site.call("Restart", "string:other")[0]
        gate.arrived()
        new = list(site.processes_of_services())
        site.call("Cancel", path=job, interface=JOB)
        until(lambda: not any(is_alive(process) for process in new), "the new process has ended")
        gate.close()
        gate.release()
        equal(site.job_ended(job), "cancelled", "result of the restart")
        site.wait_state("other", "running")
        check(service.pid != pid, "a restart had ended the process")
        equal(service.ask(), "1", "answer")
        job = site.call("Stop", "string:other")[0]
        equal(site.job_ended(job), "completed", "result of the stop")
        job = site.call("Start", "string:other")[0]
        gate.arrived()
        site.call("Cancel", path=job, interface=JOB)
        gate.close()
        equal(site.job_ended(job), "cancelled", "result of the start")


@test("rollback-during-a-build: it does not wait for that, and keeps what runs or goes back", alike=True)
def rollback_during_build():
    with Site() as site:
        gate = Gate(site)
        build = f"sh -c 'grep -q WAIT app.py && cat {gate.path}; true'"
        service = Service(site, "built", groups={"Check": {"Build": build}, "Canary": {"Percentage": "20"},
                                                 "State": {"Preserve": "no"}})
        service.good(1)
        pid = service.pid
        mark, job = begin(service, app("2") + "# WAIT\n", "check", gate)
        # The gate is closed, and stays it.
        result = site.hrctl("rollback", "built")
        equal((result.returncode, site.job_ended(job)), (0, "cancelled"), "rollback and reload")
        equal(service.failed(mark, "check")["args"][1], job, "job")
        gate.close()
        still(service, pid, "1")
        equal(service.releases[-1]["fate"], "rejected", "fate")
        # What was cancelled leaves no canary behind, and nothing in the way of the next.
        mark = service.save(app("3"))
        site.signals.wait("CanaryProgress", "built", mark)
        equal(site.hrctl("promote", "built").returncode, 0, "promote")
        service.completed(mark, 3)


@test("an-ended-job-is-still-there: its result is read and listed after its end", alike=True)
def ended_job():
    with Site() as site:
        service = Service(site, "late")
        mark = service.save("broken(\n")
        failed = service.failed(mark, "check")["args"][1]
        completed = service.completed(service.save(app("2")), 3)["args"][1]
        by_hand = reload_by_hand(service)
        equal(site.job_ended(by_hand), "completed", "result")
        objects = site.call("GetManagedObjects", path="/org/hotreload", interface="org.freedesktop.DBus.ObjectManager")[0]
        for job, result in ((failed, "failed"), (completed, "completed"), (by_hand, "completed")):
            check(job in objects, f"{job} is not listed")
            properties = objects[job][JOB]
            equal((properties["Result"], properties["Service"], properties["Kind"], properties["Phase"]),
                  (result, "late", "reload", ""), f"properties of {job}")
            equal(properties["Error"] != "", result == "failed", f"error of {job}: {properties['Error']!r}")


if __name__ == "__main__":
    sys.exit(main())
