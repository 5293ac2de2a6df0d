#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that end by themselves: when they are started again, what follows when that is of no use."""

import os
import shutil
import signal
import socket
import sys
import time

from harness import DEADLINE, Gate, Site, check, equal, main, test, until, write
from http_client import answers
from services import Example, Service, app
from usage import check_growth, descriptors, resident

# Each says when it starts, and ends at once with status 3 when there is a file that says so.
LOOPING = {
    "python": ("python3 -S", "app.py", '''import os, sys, time
with open({starts!r}, "a") as file:
    file.write(f"{{time.monotonic()}}\\n")
if os.path.exists({crash!r}):
    print("python is out of luck", flush=True)
    sys.exit(3)
while True:
    time.sleep(600)
'''),
    "node": ("node", "app.js", '''const fs = require("fs")
fs.appendFileSync("{starts}", Number(process.hrtime.bigint()) / 1e9 + "\\n")
if (fs.existsSync("{crash}")) {{
  console.log("node is out of luck")
  process.exit(3)
}}
setInterval(() => {{}}, 600000)
'''),
    "sh": ("sh", "app.sh", '''cut -d " " -f 1 /proc/uptime >>"{starts}"
[ ! -e "{crash}" ] || {{ echo "sh is out of luck"; exit 3; }}
exec sleep 600
'''),
}
LANGUAGES = [language for language in LOOPING if language != "node" or shutil.which("node")]


class Looping(Service):
    """A service of such a program."""

    def __init__(self, site, language, start=True, groups=None, **keys):
        self.program, self.file, self.text = LOOPING[language]
        self.starts, self.crash = site.path(language + ".starts"), site.path(language + ".crash")
        super().__init__(site, language, {self.file: self.version("1")}, groups, start, Listen=None,
                         Exec=f"{self.program} {self.file}", Ready="delay:20ms", **keys)
        self.main = self.file

    def version(self, version, crash=None):
        mark = "//" if self.file.endswith(".js") else "#"
        return f"{mark} {version}\n" + self.text.format(starts=self.starts, crash=crash or self.crash)

    def times(self):
        with open(self.starts, encoding="utf-8") as file:
            return [float(line) for line in file]


def kill(service):
    os.kill(service.pid, signal.SIGKILL)


@test("case-11-delays-grow-1-2-4-times-their-base-are-capped-and-five-failures-in-30-s-give-failed")
def case_11():
    with Site() as site:
        services = [Looping(site, language, False, RestartDelay="100ms", RestartDelayMax="300ms")
                    for language in LANGUAGES]
        for service in services:
            write(service.crash, "")
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        for service in services:
            site.wait_state(service.name, "failed", mark)
            times = service.times()
            gaps = [after - before for before, after in zip(times, times[1:])]
            equal(len(times), 5, f"starts of '{service.name}'")
            for gap, delay in zip(gaps, (0.1, 0.2, 0.3, 0.3)):
                # A clock of the shell's has steps of 10 ms; a start takes its time.
                check(delay - 0.011 <= gap < delay + 0.8, f"delays of '{service.name}':", gaps)


@test("case-11-a-program-that-was-ready-for-RestartWindow-begins-with-the-first-delay-again")
def case_11_stable():
    with Site() as site:
        service = Looping(site, "python", RestartDelay="400ms", RestartWindow="1s", RestartLimit="3")
        # Longer than the window in all, so that the limit is never reached, and never a second at a time.
        for _ in range(2):
            mark = site.signals.mark()
            kill(service)
            site.wait_state("python", "running", mark)
        until(lambda: (service.shown["uptimeUsec"] or 0) > 1100000, "it has been ready for a second")
        mark = site.signals.mark()
        kill(service)
        site.wait_state("python", "running", mark)
        ends = [end["timeUsec"] / 1e6 for end in reversed(service.shown["ends"])]
        lines = [line for line in site.daemon_log().splitlines() if "starting again in" in line]
        delays = [int(line.rpartition(" in ")[2].split()[0]) for line in lines]
        equal(len(ends), 3, "ends")
        check(400 <= delays[0] <= 440 and 800 <= delays[1] <= 880 and 400 <= delays[2] <= 440, "delays:", delays)


@test("pain-26-a-good-release-that-begins-to-crash-is-rolled-back-once-and-then-failed-with-the-evidence")
def rolls_back():
    with Site() as site:
        services = [Looping(site, language, RestartDelay="20ms", RestartWindow="60s") for language in LANGUAGES]
        for service in services:
            def proven(release, service=service):
                service.good(release)
                # It counts as ready after a time, which may be before it has got to its first line.
                until(lambda: len(service.times()) == release, "it has said that it starts")

            proven(1)
            mark = service.save(service.version("2"))
            service.completed(mark, 2, drained=False)
            proven(2)
            # Release 3 has proven itself and needs another file to crash.
            mark = service.save(service.version("3", service.crash + "-3"))
            service.completed(mark, 3, drained=False)
            proven(3)
            mark = site.signals.mark()
            write(service.crash + "-3", "")
            kill(service)
            event = site.signals.wait("RolledBack", service.name, mark)
            equal(event["args"][1:3], [3, 2], "rolled back from and to")
            check("RestartLimit" in event["args"][3] and "status 3" in event["args"][3], "reason:", event["args"])
            equal((service.shown["state"], service.shown["release"]), ("running", 2), "what runs")
            entry = site.history(service.name)[0]
            equal((entry["trigger"], entry["success"], entry["caller"]), ("rollback", True, None), "history")
            # Release 2 crashes too. It has its whole budget, and nothing is gone back to any more.
            mark = site.signals.mark()
            # One each of three releases, four after the end of release 3, and this one, which may yet have to say so.
            before = 8
            until(lambda service=service: len(service.times()) == before, "what was gone back to says that it starts")
            write(service.crash, "")
            kill(service)
            site.wait_state(service.name, "failed", mark)
            equal(len(service.times()) - before, 4, "starts of release 2 after its first end")
            equal(site.signals.seen("RolledBack|ReloadStarted", service.name, mark), [], "further rollbacks")
            shown = service.shown
            check("as by release 3 before it" in shown["error"] and f"{service.name} is out of luck" in shown["error"],
                  "error:", shown["error"])


@test("pain-26-what-is-failed-shows-its-ends-and-last-words-and-is-lifted-by-start-restart-and-reset-failed")
def evidence():
    with Site() as site:
        service = Looping(site, "python", False, RestartDelay="20ms")
        write(service.crash, "")
        site.hrctl("daemon-reload", "--no-wait")
        site.wait_state("python", "failed")
        ends = service.shown["ends"]
        equal([(end["release"], end["exitStatus"], end["signal"]) for end in ends], [(1, 3, None)] * 5, "ends")
        check(all(a["timeUsec"] > b["timeUsec"] for a, b in zip(ends, ends[1:])), "the newest first:", ends)
        text = site.hrctl("status", "python").stdout
        equal(text.count("it exited with status 3 (PID "), 5, "ends in " + text)
        check("python is out of luck" in text and "RestartLimit was reached" in text, "the last words:", text)
        shown = site.dbus_send("Get", "string:org.hotreload.Service", "string:Ends",
                               path="/org/hotreload/service/python", interface="org.freedesktop.DBus.Properties")
        equal(shown.stdout.count('"exitStatus"'), 5, "ends on D-Bus")
        check("python is out of luck" in site.service_property("python", "Error"), "the last words on D-Bus")
        log = [line for line in site.daemon_log().splitlines() if "python: failed: " in line]
        equal(len(log), 1, "lines in the log")
        equal(log[0].count("it exited with status 3 (PID "), 5, "ends in " + log[0])
        for words, method in ((["reset-failed", "python"], None), (None, "ResetFailed")):
            mark = site.signals.mark()
            if words:
                equal(site.hrctl(*words).returncode, 0, f"{words}")
            else:
                site.call(method, path="/org/hotreload/service/python", interface="org.hotreload.Service")
            site.wait_state("python", "stopped", mark)
            shown = service.shown
            equal((shown["error"], shown["ends"]), (None, []), "what is left")
            # Lifted by a start and a restart, each with the whole budget.
            for verb in ("start", "restart"):
                mark, before = site.signals.mark(), len(service.times())
                site.hrctl("--no-wait", verb, "python")
                site.wait_state("python", "failed", mark)
                equal(len(service.times()) - before, 5, f"starts after {verb}")
        os.remove(service.crash)
        equal(site.hrctl("start", "python").returncode, 0, "start of what works again")
        equal((service.shown["state"], service.shown["ends"], service.shown["error"]), ("running", [], None), "status")


def outage(service, text):
    """Kills it; returns how long it takes until it answers again, with this text."""
    old = service.pid
    began = time.monotonic()
    os.kill(old, signal.SIGKILL)
    until(lambda: answers(service.port, text, "/version") and service.pid not in (0, old), "it answers again")
    return time.monotonic() - began


@test("promise-1-what-dies-while-a-release-is-built-is-started-again-at-once-and-the-reload-goes-on")
def dies_during_build():
    with Site() as site:
        gate, slow, broken = Gate(site), site.path("slow"), site.path("broken")
        build = f"sh -c 'test ! -e {slow} || cat {gate.path}; test ! -e {broken}'"
        services = [Service(site, "small", groups={"Check": {"Build": build}})]
        if shutil.which("node"):
            services.append(Example(site, "node", groups={"Check": {"Build": build}}))
        for service in services:
            version = app if service.name == "small" else service.version
            plain = outage(service, "1")
            write(slow, "")
            mark = service.save(version("2"))
            gate.arrived()
            # Again and again: each is one more end, with a longer delay.
            times = [outage(service, "1") for _ in range(2)]
            check(max(times) < plain + 2, f"'{service.name}' was away for {times} s, without a reload for {plain} s")
            equal(site.signals.seen("ReloadCompleted|ReloadFailed", service.name, mark), [], "the build goes on")
            gate.release()
            service.completed(mark, 2)
            equal(service.ask("/version"), "2", "answer")
            # And where it comes to nothing.
            mark = service.save(version("3"))
            gate.arrived()
            outage(service, "2")
            write(broken, "")
            gate.release()
            event = service.failed(mark, "check")
            equal(service.shown["release"], 2, f"what runs after {event['args'][3]!r}")
            equal(service.ask("/version"), "2", "answer")
            os.remove(broken)
            os.remove(slow)


def refuses(port):
    """Whether a connection is refused at once, not taken into a queue."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE).close()
    except ConnectionRefusedError:
        return True
    return False


@test("promise-1-what-has-failed-or-finished-refuses-connections-until-it-is-started", alike=True)
def refuses_at_rest():
    with Site() as site:
        # What reaches the limit, what is not to be started again, and what ends well.
        for name, number, keys in (("limit", signal.SIGKILL, {"RestartLimit": "1"}),
                                   ("once", signal.SIGKILL, {"Restart": "no"}), ("done", signal.SIGTERM, {})):
            service = Service(site, name, Slots="no", **keys)
            equal(service.ask("/version"), "1", f"answer of '{name}'")
            mark = site.signals.mark()
            os.kill(service.pid, number)
            site.wait_state(name, "stopped" if name == "done" else "failed", mark)
            until(lambda service=service: refuses(service.port), f"'{name}' refuses connections")
            equal(service.shown["listen"], [], "listeners that status shows")
            if name == "limit":
                equal(site.hrctl("reset-failed", name).returncode, 0, "reset-failed")
                check(refuses(service.port), "reset-failed starts nothing")
            equal(site.hrctl("start", name).returncode, 0, f"start of '{name}'")
            equal(service.ask("/version"), "1", f"answer of '{name}' after a start")


@test("promise-8-what-was-stopped-and-removed-starts-when-it-is-added-again", alike=True)
def added_again():
    with Site() as site:
        file = write(site.path("idle.conf"), "[Service]\nExec=sleep 1000000\nReady=delay:1ms\n")
        for verb in ("stop", "pause"):
            equal(site.hrctl("add", file).returncode, 0, "add")
            equal(site.hrctl(verb, "idle").returncode, 0, verb)
            equal(site.hrctl("remove", "idle").returncode, 0, "remove")
            result = site.hrctl("add", file)
            equal((result.returncode, site.service("idle")["state"]), (0, "running"), f"added again after {verb}: {result.stdout}")
            equal(site.service_property("idle", "Paused"), False, "paused")
            equal(site.hrctl("remove", "idle").returncode, 0, "remove")


@test("pain-28-hundreds-of-restarts-cost-the-daemon-no-memory-and-no-descriptors")
def no_leak():
    with Site() as site:
        site.add("loop", "[Service]\nExec=sh -c 'exit 1'\nReady=delay:1ms\nRestartDelay=1ms\nRestartDelayMax=1ms\n"
                         "RestartLimit=0\n", wait=None)
        figures = []
        for restarts in (50, 200):
            until(lambda restarts=restarts: site.service("loop")["restarts"] >= restarts, f"{restarts} restarts")
            figures.append((resident(site.daemon.pid), descriptors(site.daemon.pid)))
        equal(len(site.service("loop")["ends"]), 10, "ends that are kept")
        check_growth(site.daemon.pid, figures[0][0], figures[1][0], 2 << 20)
        check(figures[1][1] - figures[0][1] < 10, "descriptors:", figures)


@test("promise-7-a-hundred-reloads-cost-the-daemon-little-memory-and-no-descriptors", alike=True)
def reloads_leak_nothing():
    with Site() as site:
        top = site.source("web", {"version": "0"})
        site.add("web", f"[Service]\nExec=sleep 1000000\nReady=delay:1ms\nSource={top}\n[Watch]\nEnabled=no\n")
        figures = []
        for release in range(2, 122):
            write(os.path.join(top, "version"), f"{release}")
            equal(site.hrctl("reload", "web").returncode, 0, "reload")
            if release in (21, 121):
                site.drained("web")
                figures.append((resident(site.daemon.pid), descriptors(site.daemon.pid)))
        # Each has a job that is kept for a minute; tests/stress/run-growth looks at what is left of thousands after that.
        check_growth(site.daemon.pid, figures[0][0], figures[1][0], 100 * (16 << 10))
        check(figures[1][1] - figures[0][1] < 10, "descriptors:", figures)
        # What is not in memory any more is there all the same.
        equal([release["number"] for release in site.releases("web")], list(range(1, 122)), "releases")
        check("-2" in site.hrctl("diff", "web", "2", "3").stdout, "what changed from 2 to 3")
        equal(site.hrctl("rollback", "web", "--to=2").returncode, 0, "rollback to an old release")
        equal(site.service("web")["release"], 2, "release")


if __name__ == "__main__":
    sys.exit(main())
