#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of a reload, from outside: what runs and what is said."""

import os
import signal
import sys

from harness import Gate, Site, check, equal, is_alive, main, test, until, write
from services import Service, app, at_gate


def reload_by_hand(site, name):
    return site.call("Reload", f"string:{name}")[0]


# The eight rules


@test("rule-1-one-reload-runs-and-one-waits-later-callers-get-the-waiting-one (pain-12-two-reloads-at-once)")
def rule_1():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "one")
        mark = service.save(app("2", early=at_gate(gate)))
        gate.arrived()
        jobs = [reload_by_hand(site, "one") for _ in range(4)]
        equal(len(set(jobs)), 1, "jobs of four callers while one runs")
        gate.release()
        first = service.completed(mark, 2, drained=False)
        gate.release()
        second = site.signals.wait("ReloadCompleted", "one", site.signals.events.index(first) + 1)
        equal(second["args"][1], jobs[0], "job of the second")
        check(first["args"][1] != jobs[0], "the running one was another")
        equal(site.job_ended(jobs[0]), "completed", "result")
        equal(len(site.signals.seen("ReloadStarted", "one", mark)), 2, "reloads")


@test("rule-2-a-new-reload-ends-the-observation-and-cuts-the-drain-short")
def rule_2():
    with Site() as site:
        gate = Gate(site)
        slow = at_gate(gate)
        service = Service(site, "drain", {"app.py": app("1", ending=slow)},
                          {"PostCheck": {"RollbackAfter": "200ms"}}, DrainTimeout="600s", StopTimeout="200ms")
        service.good(1)
        first_pid = service.pid
        service.groups["PostCheck"]["RollbackAfter"] = "600s"
        service.write_file()
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        service.completed(mark, drained=False)
        gate.arrived()
        check(is_alive(first_pid), "the old one drains")
        service.completed(service.save(app("2")), 2, drained=False)
        check(not is_alive(first_pid), "its drain was cut short: at most two generations")
        mark = service.save(app("3", late="signal.signal(signal.SIGUSR1, lambda *_: os._exit(3))"))
        service.completed(mark, 3, drained=False)
        fates = {release["number"]: release["fate"] for release in service.releases}
        equal(fates, {1: "good", 2: "unproven", 3: "unproven"}, "fates")
        os.kill(service.pid, signal.SIGUSR1)
        event = site.signals.wait("RolledBack", "drain", mark)
        equal(event["args"][1:3], [3, 1], "the rollback goes to the last good one")
        equal(service.ask(), "1", "answer")


@test("rule-4-numbers-are-given-once: saves while the configuration is read again")
def numbers_once():
    with Site() as site:
        service = Service(site, "numbered")
        mark = site.signals.mark()
        for number in range(2, 10):
            service.save(app(str(number)))
            service.groups["Service"]["StopTimeout"] = f"{number}s"
            service.write_file()
            site.hrctl("daemon-reload", "--no-wait")
        until(lambda: service.ask() == "9", "the last save is live")
        equal(site.signals.seen("ReloadFailed", "numbered", mark), [], "failed reloads")
        numbers = [release["number"] for release in service.releases]
        equal(numbers, list(range(1, len(numbers) + 1)), "numbers")
        check("damaged" not in site.daemon_log(), site.daemon_log())


@test("rule-3-an-equal-tree-is-nothing-to-do-and-by-hand-it-happens-always")
def rule_3():
    with Site() as site:
        service = Service(site, "equal", {"app.py": app(), "other.py": "X = 1\n"})
        mark = service.save("broken(\n")
        equal(service.failed(mark, "check")["args"][4]["release"], 2, "release")
        # The rejected tree again, and the running one, and the rejected one: nothing of it happens by itself.
        mark = service.save("broken(\n")
        for text in (app(), "broken(\n"):
            service.save(text)
            until(lambda: site.status()["pending"] == [], "the save has been looked at")
        pid = service.pid
        job = reload_by_hand(site, "equal")
        event = service.failed(mark, "check")
        equal((event["args"][1], event["args"][4]["release"]), (job, 2), "by hand it is tried again under its number")
        equal(len(site.signals.seen("ReloadStarted", "equal", mark)), 1, "reloads since")
        equal(service.pid, pid, "PID")
        service.save(app())
        mark = site.signals.mark()
        result = site.json("reload", "equal")
        equal((result["success"], result["release"], result["previousRelease"]), (True, 1, 1), "by hand, unchanged")
        check(service.pid != pid, "a new process")
        equal(len(service.releases), 2, "releases")


@test("rule-4-a-tree-that-differs-from-the-last-recorded-one-gets-a-new-number")
def rule_4():
    with Site() as site:
        service = Service(site, "number")
        service.completed(service.save(app("2")), 2)
        service.completed(service.save(app("1")), 3)
        equal([release["number"] for release in service.releases], [1, 2, 3], "numbers")
        equal(site.hrctl("diff", "number", "1", "3").stdout, "", "difference of 1 and 3")


@test("rule-5-a-rollback-out-of-the-observation-is-a-job-and-history-entry-of-its-own")
def rule_5():
    with Site() as site:
        service = Service(site, "watched")
        service.good(1)
        service.groups["PostCheck"]["RollbackAfter"] = "600s"
        service.write_file()
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        service.completed(mark, 1)
        mark = service.save(app("2"))
        first = service.completed(mark, 2)
        os.kill(service.pid, signal.SIGKILL)
        back = site.signals.wait("RolledBack", "watched", mark)
        equal(back["args"][1:3], [2, 1], "from and to")
        check("SIGKILL" in back["args"][3] or "signal 9" in back["args"][3], "the reason:", back["args"][3])
        completed = site.signals.seen("ReloadCompleted", "watched", mark)
        check(completed[-1]["args"][1] != first["args"][1], "a job of its own")
        entries = site.history("watched")[:2]
        equal([(entry["trigger"], entry["release"], entry["previousRelease"]) for entry in entries],
              [("rollback", 1, 2), ("file", 2, 1)], "history")
        equal(service.releases[-1]["fate"], "rejected", "fate of release 2")
        # The source is not touched, and what was rolled back is not tried again by itself.
        with open(service.path("app.py"), encoding="utf-8") as file:
            equal(file.read(), app("2"), "the developer's file")
        mark = service.save(app("2"))
        until(lambda: site.status()["pending"] == [], "the save has been looked at")
        service.completed(service.save(app("3")), 3)
        equal(len(site.signals.seen("ReloadStarted", "watched", mark)), 1, "reloads")


@test("rule-6-at-the-start-the-last-good-release-runs-at-once-then-comes-what-changed")
def rule_6():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "start")
        broken = Service(site, "broken", {"app.py": app("changed"), "x.py": "X = 1\n"})
        service.good(1)
        broken.good(1)
        site.stop_daemon()
        service.save(app("2", early=at_gate(gate)))
        broken.save("broken(\n", "x.py")
        site.start_daemon()
        gate.arrived()
        equal(service.ask(), "1", "the last good release serves while the new one is started")
        gate.release()
        site.signals.wait("ReloadCompleted", "start", where=lambda args: args[2] == 2)
        equal(service.ask(), "2", "answer")
        equal(site.history("start")[0]["trigger"], "start", "trigger")
        event = site.signals.wait("ReloadFailed", "broken")
        check("SyntaxError" in event["args"][3], "the checker's words:", event["args"][3])
        equal((broken.ask(), broken.shown["state"], broken.shown["release"]), ("changed", "running", 1), "broken")


@test("rule-6-without-a-good-release-a-broken-source-gives-failed-with-the-checkers-words")
def rule_6_broken():
    with Site() as site:
        service = Service(site, "never", {"app.py": "broken(\n"}, start=False)
        site.hrctl("daemon-reload", "--no-wait")
        site.wait_state("never", "failed")
        check("SyntaxError" in service.shown["error"], "status has the words:", service.shown["error"])
        equal(site.hrctl("status", "never").returncode, 0, "exit code of status")
        mark = service.save(app())
        service.completed(mark, 2)
        equal((service.ask(), service.shown["state"], service.shown["error"]), ("1", "running", None), "after the repair")


@test("rule-7-kept-warm-means-that-the-slot-stays-placed-not-a-process")
def rule_7():
    with Site() as site:
        service = Service(site, "warm")
        old = service.pid
        service.completed(service.save(app("2")), 2)
        until(lambda: not is_alive(old), "the old process ends")
        texts = []
        for slot in "ab":
            with open(os.path.join(site.state, "slots", "warm", slot, "app.py"), encoding="utf-8") as file:
                texts.append(file.read())
        equal(sorted(texts), sorted([app("1"), app("2")]), "the files of both slots")
        equal(site.hrctl("rollback", "warm", "--to=1").returncode, 0, "rollback")
        equal(service.ask(), "1", "answer")


@test("rule-8-downtime-is-the-time-in-which-no-instance-served")
def rule_8():
    with Site() as site:
        beside = Service(site, "beside")
        after = Service(site, "after", Handover="sequential")
        event = beside.completed(beside.save(app("2")), 2)
        equal(event["args"][3], 0, "downtime of an overlap")
        event = after.completed(after.save(app("2")), 2)
        check(0 < event["args"][3] < event["args"][4]["durationUsec"], "downtime of a sequence:", event["args"][3])
        equal(site.history("after")[0]["downtimeUsec"], event["args"][3], "the same in the history")


# Pause and plan


@test("pause-keeps-changes-and-resume-acts-on-them-once")
def pause():
    with Site() as site:
        services = [Service(site, name) for name in ("first", "second")]
        for target, paused in (("first", services[:1]), ("", services)):
            site.call("Pause", f"string:{target}")
            marks = {service: service.save(app(f"{target}-1")) for service in paused}
            for service in paused:
                service.save(app(f"{target}-2"))
            until(lambda paused=paused: len(site.status()["pending"]) == len(paused), "the saves are pending")
            for service, mark in marks.items():
                equal(site.signals.seen("ReloadStarted", service.name, mark), [], "reloads during the pause")
            # By hand it happens all the same, and takes everything with it.
            site.call("Resume", f"string:{target}")
            for service, mark in marks.items():
                service.completed(mark)
                equal(service.ask(), f"{target}-2", "answer")
                equal(site.history(service.name)[0]["trigger"], "resume", "trigger")
                equal(len(site.signals.seen("ReloadStarted", service.name, mark)), 1, "reloads")


@test("plan-says-what-a-reload-would-do-and-changes-nothing")
def plan():
    with Site() as site:
        service = Service(site, "planned", groups={"Check": {"PreCheck": "true", "Forbid": "never-this"}})
        service.good(1)
        site.call("Pause", "string:planned")
        service.save(app("2"))
        until(lambda: site.status()["pending"], "the save is pending")
        before = (service.pid, service.releases, site.history(), site.source_listing(service.top),
                  site.source_listing(os.path.join(site.state, "slots")))
        steps = site.json("plan", "planned")
        text = " ".join(step["text"] for step in steps)
        check("release 2" in text and "app.py" in text and "forbidden patterns" in text, "the plan:", text)
        check([step["phase"] for step in steps][:3] == ["record", "place", "check"], "its phases:", steps)
        after = (service.pid, service.releases, site.history(), site.source_listing(service.top),
                 site.source_listing(os.path.join(site.state, "slots")))
        equal(after, before, "PID, releases, history, source and slots")


# Releases


@test("rollback-runs-an-earlier-release-and-diff-compares-any-two")
def rollback():
    with Site() as site:
        service = Service(site, "many")
        for number in (2, 3):
            service.good(number - 1)
            service.completed(service.save(app(str(number))), number)
        service.good(3)
        result = site.json("rollback", "many", "--to=1")
        equal((result["success"], result["release"], result["previousRelease"]), (True, 1, 3), "rollback --to=1")
        equal(service.ask(), "1", "answer")
        equal(site.signals.wait("RolledBack", "many")["args"][1:3], [3, 1], "from and to")
        with open(service.path("app.py"), encoding="utf-8") as file:
            equal(file.read(), app("3"), "the developer's file")
        equal(site.hrctl("rollback", "many", "--to=3").returncode, 0, "and forth")
        equal(site.hrctl("rollback", "many").returncode, 0, "rollback without a number")
        equal((service.ask(), service.shown["release"]), ("2", 2), "the good one before")
        text = site.hrctl("diff", "many", "1", "3").stdout
        check('-VERSION = "1"' in text and '+VERSION = "3"' in text and "@@" in text, "unified:", text)
        check('+VERSION = "3"' in site.hrctl("diff", "many").stdout, "running release and source")
        lines = site.hrctl("releases", "many").stdout.splitlines()
        equal(len(lines), 4, "lines of releases")
        check(all("good" in line for line in lines[1:]) and "running" in lines[2], "releases:", lines)


# Checks and probes


@test("forbidden-patterns-builds-and-pre-checks-reject-with-their-own-words")
def checks():
    with Site() as site:
        build = "sh -c 'cat words.txt > built.txt; grep -q fail words.txt && { echo the build says no; exit 3; }; true'"
        precheck = "sh -c 'grep -q good built.txt || { echo the pre-check says no >&2; exit 4; }'"
        service = Service(site, "checked", {"app.py": app(), "words.txt": "good\n"},
                          {"Check": {"Build": build, "PreCheck": precheck, "Forbid": "DEBUGGER[0-9]+"}})
        pid = service.pid
        equal(service.evaluate("open('built.txt').read()"), "good", "what the build made, in the slot")
        for number, file, text, words in ((2, "app.py", app() + "# DEBUGGER42\n", "DEBUGGER"),
                                          (3, "words.txt", "fail\n", "the build says no"),
                                          (4, "words.txt", "bad\n", "the pre-check says no")):
            mark = service.save(text, file)
            event = service.failed(mark, "check")
            equal(event["args"][4]["release"], number, "release")
            check(words in event["args"][3], "the words:", event["args"][3])
            equal(service.pid, pid, "PID")
            if file == "app.py":
                mark = service.save(app(), "app.py")
                until(lambda: site.status()["pending"] == [], "back to the running tree")
        check(not os.path.exists(service.path("built.txt")), "the build wrote nothing below Source")


@test("an-exec-probe-rejects-before-the-switch-and-rolls-back-after-it")
def probe():
    with Site() as site:
        # Release 1 is always well, the others are while there is no such file.
        sick = site.path("sick")
        probe = f"grep -q VERSION....1 app.py || test ! -e {sick} || {{ echo feeling unwell; exit 1; }}"
        service = Service(site, "probed", {"app.py": app()},
                          {"Health": {"Probe": f"exec:sh -c '{probe}'", "Interval": "100ms", "Failures": "1"}})
        equal(service.shown["health"], "healthy", "health")
        service.good(1)
        pid = service.pid
        write(sick, "")
        mark = service.save(app("2"))
        event = service.failed(mark, "verify")
        equal(event["args"][4]["errorName"], "org.hotreload.Error.NotHealthy", "error")
        check("feeling unwell" in event["args"][3], "the probe's words:", event["args"][3])
        equal((service.pid, service.ask()), (pid, "1"), "the old one serves")
        os.unlink(sick)
        service.groups["PostCheck"]["RollbackAfter"] = "600s"
        service.write_file()
        mark = service.save(app("3"))
        site.hrctl("daemon-reload", "--no-wait")
        service.completed(mark)
        until(lambda: service.ask() == "3", "release 3 serves")
        write(sick, "")
        event = site.signals.wait("RolledBack", "probed", mark)
        equal(event["args"][1:3], [3, 1], "rolled back from and to")
        check("feeling unwell" in event["args"][3], "the reason:", event["args"][3])


if __name__ == "__main__":
    sys.exit(main())
