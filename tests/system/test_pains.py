#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hurts users of tools like this one, each under its number. Some are tested elsewhere, under the rule or promise
that makes them impossible: 12 and 14 among the rules and promises, 16, 17 and 22 also among the cases."""

import os
import signal
import subprocess
import sys
import time

from harness import Gate, Load, Site, answers, check, equal, get, is_alive, main, select_nothing, test, until, write
from services import EVENTS, PYTHON, RATES, EventStream, Service, Unmodified, app, at_gate, counting


@test("pain-01-a-reload-drops-no-request-and-says-how-long-one-waited", alike=True)
def drops_nothing():
    with Site() as site:
        beside = Service(site, "beside")
        after = Service(site, "after", Handover="sequential")
        for service in (beside, after):
            load = Load(service.port, connections=8)
            for release in range(2, 7):
                details = service.completed(service.save(app(str(release))), release)["args"][4]
                equal(sum(usec for _, usec in details["phases"]), details["durationUsec"], "sum of the phases")
                check("queueWaitUsec" in details, "the longest wait is known:", details)
                # While nobody serves somebody asks, and is kept waiting for the rest of it.
                if service is after:
                    check(details["queueWaitUsec"] + 40000 >= details["downtimeUsec"] / 2, "the longest wait:", details)
                    check(details["queueWaitUsec"] <= details["durationUsec"] + 40000, "the longest wait:", details)
            equal(load.stop(), [], f"failures of {load.count} requests")
            equal(sorted(load.bodies), list("123456"), "every version has answered")
        equal([entry["queueWaitUsec"] is not None for entry in site.history("after")], [True] * 5 + [False], "history")


@test("pain-02-the-old-process-is-not-stopped-before-the-new-one-is-ready")
def old_serves():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "steady")
        pid = service.pid
        mark = service.save(app("2", late=at_gate(gate)))
        gate.arrived()
        equal((service.pid, service.ask(), int(service.ask("/pid"))), (pid, "1", pid), "while the new one is not ready")
        gate.release()
        service.completed(mark, 2)
        equal(service.ask(), "2", "answer")


@test("pain-03-broken-new-code-keeps-the-old-and-the-exit-code-says-failed", alike=True)
def broken():
    with Site(arguments=["--profile=production"]) as site:
        service = Service(site, "kept")
        pid = service.pid
        service.save("broken(\n")
        result = site.hrctl("reload", "kept")
        equal(result.returncode, 1, "exit code of a reload that failed")
        check("SyntaxError" in result.stdout + result.stderr, "it says why:", result.stdout, result.stderr)
        report = site.json("reload", "kept")
        equal((report["success"], report["phase"], report["message"]),
              (False, "check", "kept release 1 of 'kept'"), "the report")
        equal((service.pid, service.ask()), (pid, "1"), "the old one")


@test("pain-04-what-fails-after-the-switch-is-rolled-back-by-itself", alike=True)
def automatic_rollback():
    with Site() as site:
        service = Service(site, "auto", {"app.py": counting("1")}, {"PostCheck": RATES})
        load = Load(service.port, 4)
        service.good(1)
        mark = service.save(counting("2", 1))
        event = site.signals.wait("RolledBack", "auto", mark)
        equal(event["args"][1:3], [2, 1], "from and to")
        check("ErrorRate: 100%" in event["args"][3], "why:", event["args"][3])
        site.drained("auto")
        equal((service.ask(), service.shown["release"]), ("1", 1), "what serves")
        equal(load.stop(), [], "failures")


@test("pain-05-a-rollback-is-a-start-from-the-slot-that-stayed-placed: no check, no time of watching", alike=True)
def quick_rollback():
    with Site() as site:
        checks = site.path("checks")
        service = Service(site, "quick", {"app.py": counting("1")},
                          {"PostCheck": RATES, "Check": {"PreCheck": f"sh -c 'echo >> {checks}'"}})
        service.good(1)
        slot = service.evaluate("os.environ['HOTRELOAD_SLOT']")
        placed = os.path.join(site.state, "slots", "quick", slot, "app.py")
        written = os.stat(placed)
        load = Load(service.port, 4)
        service.completed(service.save(counting("2", 1)), 2, drained=False)
        with open(placed, encoding="utf-8") as file:
            check('VERSION = "1"' in file.read(), "the slot of release 1 stays placed while release 2 is watched")
        event = site.signals.wait("RolledBack", "quick", 0)
        equal(event["args"][1:3], [2, 1], "from and to")
        equal(load.stop(), [], "failures")
        site.drained("quick")
        equal(service.evaluate("os.environ['HOTRELOAD_SLOT']"), slot, "slot")
        after = os.stat(placed)
        equal((after.st_ino, after.st_mtime_ns), (written.st_ino, written.st_mtime_ns), "the file of release 1")
        with open(checks, encoding="utf-8") as file:
            equal(len(file.readlines()), 2, "checks: of the two releases, none of the rollback")
        equal([(r["number"], r["fate"]) for r in service.releases], [(1, "good"), (2, "rejected")], "releases")


@test("pain-06-a-rollback-that-failed-is-not-reported-as-done", alike=True)
def failed_rollback():
    with Site() as site:
        gone = site.path("gone")
        service = Service(site, "back", {"app.py": app(early=f"if os.path.exists({gone!r}): sys.exit(1)\n")})
        service.good(1)
        service.completed(service.save(app("2", keep=True)), 2)
        pid = service.pid
        write(gone, "")
        report = site.json("rollback", "back", "--to=1")
        equal((report["success"], report["phase"]), (False, "ready"), "a rollback to what does not start any more")
        equal((service.pid, service.shown["release"]), (pid, 2), "the running release")
        equal(site.signals.seen("RolledBack", "back"), [], "RolledBack")
        # The old one has ended for its state, the new one fails, and the old one does not start again: louder.
        text = app("3", keep=True, early=f"if os.path.exists({gone!r}): sys.exit(1)\n")
        os.unlink(gone)
        service.completed(service.save(text), 3)
        late = f"open({gone!r}, 'w').close()\nsys.exit(1)\n"
        event = service.failed(service.save(app("4", keep=True, late=late)), "ready")
        equal(event["args"][4]["errorName"], "org.hotreload.Error.RollbackFailed", "error")
        equal(site.signals.seen("RolledBack", "back"), [], "RolledBack")


@test("pain-06-a-rollback-after-a-failed-observation-that-fails-is-louder-than-what-it-failed-of", alike=True)
def failed_automatic_rollback():
    with Site() as site:
        gone = site.path("gone")
        service = Service(site, "loud", {"app.py": app(early=f"if os.path.exists({gone!r}): sys.exit(1)\n")},
                          {"PostCheck": {"Command": f"sh -c 'test ! -e {gone} || {{ echo ill; exit 1; }}'",
                                         "RollbackAfter": "1s", "Interval": "100ms", "Timeout": "10s"}})
        service.good(1)
        mark = service.save(app("2"))
        service.completed(mark, 2)
        write(gone, "")
        event = site.signals.wait("ReloadFailed", "loud", mark)
        equal(event["args"][4]["errorName"], "org.hotreload.Error.RollbackFailed", "error")
        entry = site.history("loud")[0]
        equal((entry["trigger"], entry["success"], entry["phase"]), ("rollback", False, "ready"), "the history")
        check(entry["reason"].startswith("Command failed "), "what it was rolled back for:", entry["reason"])
        equal((service.ask(), service.shown["release"]), ("2", 2), "what still serves")
        equal(service.shown["error"], entry["error"], "status says so")
        check(entry["error"].startswith("the rollback to release 1 failed: "), "it is not taken for a reload:", entry)
        equal(site.signals.seen("RolledBack", "loud"), [], "RolledBack")
        # Asked for, it says the same, with the exit code of what failed.
        result = site.hrctl("rollback", "loud")
        equal(result.returncode, 1, "exit code")
        check("the rollback to release 1 failed: while starting release 1 of 'loud'" in result.stdout + result.stderr
              and "kept release 2" in result.stdout + result.stderr, "people see it:", result.stdout, result.stderr)
        # Nor is it tried over and over.
        equal(len([e for e in site.history("loud") if e["trigger"] == "rollback"]), 2, "rollbacks")


@test("pain-07-nothing-hangs-for-ever")
def hangs():
    with Site() as site:
        service = Service(site, "hang", {"app.py": app()},
                          {"Check": {"PreCheck": "sh -c '! grep -q HANG app.py || exec sleep 600'", "Validate": "no",
                                     "Timeout": "800ms"}}, StartTimeout="800ms")
        pid = service.pid
        for text, phase, words in ((app("2", early="signal.pause()"), "ready", "800 ms"),
                                   (app("3") + "# HANG\n", "check", "Check.Timeout=0.8 s")):
            event = service.failed(service.save(text), phase)
            check(event["args"][4]["durationUsec"] < 10e6, "it took:", event["args"][4]["durationUsec"])
            check(words in event["args"][3], "it names the limit:", event["args"][3])
            equal((service.pid, service.ask()), (pid, "1"), "the old one")


@test("pain-08-a-stream-that-never-ends-holds-up-no-reload")
def streams():
    with Site() as site:
        service = Unmodified(site, EVENTS, "DrainTimeout=2s\n")
        stream = EventStream(service.port)
        service.reload("2")
        equal((get(service.port)[1], stream.next()), ("2", "1"), "new requests, and the stream of the old one")
        stream.ended()
        site.drained("plain")
        equal(get(service.port)[1], "2", "answer")


@test("pain-09-at-most-two-generations-run")
def generations():
    with Site() as site:
        service = Unmodified(site, EVENTS, "DrainTimeout=600s\n")
        streams = []
        for number in range(1, 4):
            if number > 1:
                service.reload(str(number))
            streams.append(EventStream(service.port))
            check(len(site.processes_of_services()) <= 2, "processes:", site.processes_of_services())
        streams[0].ended()
        equal((streams[1].next(), streams[2].next()), ("2", "3"), "the others")


def orphans(start):
    with Site(daemon=False) as site:
        start(site)
        early = "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\n" \
                "subprocess.Popen(['sh', '-c', 'setsid sleep 600 & exit 0'])\n"
        service = Service(site, "family", {"app.py": app(early=early)})
        before = site.left_over()
        until(lambda: len(site.left_over()) >= 3, "the family is there")
        before = site.left_over()
        service.completed(service.save(app("2")), 2)
        until(lambda: not any(is_alive(pid) for pid in before), "the old family has ended")
        check(is_alive(service.pid), "the new one runs")


@test("pain-10-children-and-grandchildren-of-the-old-instance-do-not-survive-it")
def orphans_with_groups():
    orphans(Site.start_daemon)


@test("pain-10-also-without-control-groups")
def orphans_without_groups():
    orphans(Site.start_daemon_without_groups)


@test("pain-13-the-address-is-never-in-use")
def address_in_use():
    with Site() as site:
        service = Service(site, "bound")
        # This one binds for itself, and knows nothing of reloads.
        text = app("own").replace("socket.socket(fileno=3)", "socket.create_server(('127.0.0.1', PORT), reuse_port=False)")
        own = Service(site, "own", {"app.py": text.replace("PORT", str(service.port + 1))}, Listen=None)
        own.port = service.port + 1
        load, own_load = Load(service.port, 4), Load(own.port, 4)
        for _ in range(3):
            for name in ("bound", "own"):
                equal(site.hrctl("restart", name).returncode, 0, f"restart {name}")
                equal(site.hrctl("reload", name).returncode, 0, f"reload {name}")
        equal(load.stop(), [], "failures")
        equal(own_load.stop(), [], "failures of the one that binds for itself")


@test("pain-29-the-main-process-is-always-a-child-of-the-daemon-and-no-pid-file-is-believed")
def main_process():
    with Site() as site:
        victim = subprocess.Popen(["sleep", "600"])
        try:
            # What programs that know pid files do with them: others' numbers are in all of them.
            early = f"for name in ('app.pid', 'web.pid'):\n    with open(name, 'w') as file:\n        file.write('{victim.pid}')\n"
            service = Service(site, "web", {"app.py": app(early=early)})
            seen = []
            for release in range(2, 7):
                service.completed(service.save(app(str(release), early=early)), release)
                # Each by another way: a reload, and an end that nobody waited for.
                for _ in range(2):
                    pid = service.pid
                    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                        parent = int(file.read().rpartition(")")[2].split()[1])
                    equal((int(service.ask("/pid")), parent), (pid, site.daemon.pid), "who answers, and whose child that is")
                    seen.append(pid)
                    if len(seen) % 2:
                        mark = site.signals.mark()
                        os.kill(pid, signal.SIGKILL)
                        site.wait_state("web", "running", mark)
            equal(len(set(seen)), 10, f"main processes {seen}")
            equal(site.hrctl("stop", "web").returncode, 0, "stop")
            equal((victim.poll(), [pid for pid in seen if is_alive(pid)]), (None, []), "the victim, and what is left")
        finally:
            victim.kill()
            victim.wait()


@test("pain-15-one-timer-and-a-hard-maximum-wait", alike=True)
def maximum_wait():
    with Site() as site:
        service = Service(site, "timer", {"app.py": app(), "x.txt": "0\n"},
                          {"Watch": {"Settle": "200ms", "MaxWait": "600ms"}})
        mark, began, number = site.signals.mark(), time.monotonic(), 0
        while not site.signals.seen("ReloadStarted", "timer", mark):
            check(time.monotonic() - began < 10, "it begins although the saves do not end")
            number += 1
            service.save(f"{number}\n", "x.txt")
            select_nothing(0.03)
        check(time.monotonic() - began > 0.5, "and not before:", time.monotonic() - began)
        until(lambda: service.evaluate("open('x.txt').read()") == str(number), "the last one is live")


@test("pain-16-what-is-checked-is-the-recorded-copy", alike=True)
def recorded_copy():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "half", {"app.py": app(), "half.txt": "0\n"},
                          {"Watch": {"Settle": "300ms"}, "Check": {"PreCheck": f"sh -c 'cat {gate.path} half.txt'"}},
                          start=False)
        site.hrctl("daemon-reload", "--no-wait")
        gate.release()
        site.wait_state("half", "running")
        # Written in two halves: it is not looked at before the second.
        mark = site.signals.mark()
        with open(service.path("half.txt"), "w", encoding="utf-8") as file:
            file.write("first ")
            file.flush()
            select_nothing(0.05)
            file.write("second\n")
        gate.arrived()
        write(service.path("app.py"), "broken(\n")
        gate.release()
        service.completed(mark, 2)
        equal(service.evaluate("open('half.txt').read()"), "first second", "the whole file")


@test("pain-17-every-way-in-which-editors-save-is-seen", alike=True)
def editors():
    with Site() as site:
        service = Service(site, "editor", {"app.py": app(), "x.txt": "0\n"})
        path = service.path("x.txt")

        def vim(text):
            os.rename(path, path + "~")
            write(path, text)
            os.unlink(path + "~")

        def exchange(text):
            write(path + ".new", text)
            os.unlink(path)
            os.link(path + ".new", path)
            os.unlink(path + ".new")

        def truncate(text):
            with open(path, "r+", encoding="utf-8") as file:
                file.write(text)
                file.truncate()
        for number, way in enumerate((vim, exchange, truncate, vim), 2):
            mark = site.signals.mark()
            way(f"{number}\n")
            service.completed(mark)
            equal(service.evaluate("open('x.txt').read()"), str(number), way.__name__)
        mark = site.signals.mark()
        os.unlink(path)
        service.completed(mark)
        equal(service.evaluate("os.path.exists('x.txt')"), "False", "a removal")
        mark = site.signals.mark()
        os.rename(service.path("app.py"), service.path("app2.py"))
        os.rename(service.path("app2.py"), service.path("app.py"))
        service.save("1\n", "moved/y.txt")
        service.completed(mark)
        mark = site.signals.mark()
        os.rename(service.path("moved"), service.path("again"))
        service.completed(mark)
        equal(service.evaluate("sorted(p for p in os.listdir('.') if p in ('moved', 'again'))"), "['again']", "a move")


@test("pain-18-a-swapped-symlink-is-seen")
def symlinks():
    with Site() as site:
        for number in (1, 2):
            write(site.path("releases", str(number), "app.py"), app(str(number)))
        os.symlink("releases/1", site.path("current"))
        service = Service(site, "current", Source=site.path("current"))
        equal(service.ask(), "1", "answer")
        mark = site.signals.mark()
        os.symlink("releases/2", site.path("next"))
        os.rename(site.path("next"), site.path("current"))
        service.completed(mark)
        equal(service.ask(), "2", "answer")
        # And what is saved behind the new link.
        write(site.path("releases", "2", "app.py"), app("3"))
        until(lambda: answers(service.port, "3"), "the save is live")


@test("pain-22-a-touch-is-no-reload-and-neither-is-a-mode-that-git-does-not-know", alike=True)
def touches():
    with Site() as site:
        service = Service(site, "same", {"app.py": app(), "x.txt": "1\n"})
        mark = site.signals.mark()
        os.utime(service.path("x.txt"), (1, 1))
        os.unlink(service.path("x.txt"))
        write(service.path("x.txt"), "1\n")
        write(service.path("t.tmp~"), "1\n")
        until(lambda: site.status()["pending"] == [], "it has been looked at")
        count = site.status()["reloadCount"]
        service.completed(service.save("2\n", "x.txt"), 2)
        equal(len(site.signals.seen("ReloadStarted", "same", mark)), 1, "reloads")
        equal(site.status()["reloadCount"], count + 1, "reloadCount")


@test("pain-24-changed-environment-and-configuration-take-effect")
def environment():
    with Site(environment={"SECRET_OF_THE_DAEMON": "x"}) as site:
        variables = write(site.path("variables"), "FROM_FILE=one\n")
        service = Service(site, "env", Environment="FIRST=1;SECOND=2", EnvironmentFile=variables)
        read = "[os.environ.get(name) for name in ('FIRST', 'SECOND', 'FROM_FILE', 'SECRET_OF_THE_DAEMON')]"
        equal(service.evaluate(read), "['1', '2', 'one', None]", "environment")
        pid = service.pid
        service.groups["Service"]["Environment"] = "FIRST=changed"
        service.write_file()
        mark = site.signals.mark()
        equal(site.hrctl("daemon-reload", "--no-wait").returncode, 0, "daemon-reload")
        service.completed(mark, 1)
        equal(service.evaluate(read), "['changed', None, 'one', None]", "changed and removed variables")
        check(service.pid != pid, "another process")
        write(variables, "FROM_FILE=two\n")
        equal(site.hrctl("restart", "env").returncode, 0, "restart")
        equal(service.evaluate(read), "['changed', None, 'two', None]", "built anew at every start")
        # A reload of unchanged source is one of the environment, too: beside the old one, with no release of its own.
        pid = service.pid
        write(variables, "FROM_FILE=three\n")
        result = site.hrctl("reload", "env")
        equal(result.returncode, 0, f"reload: {result.stdout}{result.stderr}")
        equal(service.evaluate(read), "['changed', None, 'three', None]", "after a reload")
        check(service.pid != pid, "another process")
        equal((site.history("env")[0]["downtimeUsec"], service.releases[-1]["number"]), (0, 1), "downtime and release")
        # So is that of a save; a variable that is gone vanishes.
        write(variables, "")
        service.completed(service.save(app("2")), 2)
        equal(service.evaluate(read), "['changed', None, None, None]", "after a save")
        # Without the file nothing is started, and what runs goes on.
        os.unlink(variables)
        pid = service.pid
        result = site.hrctl("reload", "env")
        equal((result.returncode, service.pid, service.ask()), (1, pid, "2"), "a reload without the file")
        check(variables in result.stdout + result.stderr, "it names the file:", result.stdout, result.stderr)
        write(variables, "FROM_FILE=four\n")
        mark, pid = site.signals.mark(), service.pid
        equal(site.hrctl("daemon-reload", "--no-wait").returncode, 0, "daemon-reload without a change")
        service.completed(service.save(app("3")))
        equal(len(site.signals.seen("ReloadStarted", "env", mark)), 1, "reloads: only that of the save")
        equal(service.evaluate(read), "['changed', None, 'four', None]", "with the file there again")


@test("pain-25-the-stop-signal-is-configurable-and-waited-for")
def stop_signal():
    with Site() as site:
        gate, log = Gate(site), site.path("log")
        early = f"for n in (1, 2, 10, 15):\n    signal.signal(n, lambda n, _: open({log!r}, 'a').write(f'{{n}} '))\n"
        text = app(late=early, ending=at_gate(gate))
        service = Service(site, "polite", {"app.py": text}, StopSignal="SIGUSR1", StopTimeout="600s")
        pid = service.pid
        job = site.call("Stop", "string:polite")[0]
        gate.arrived()
        check(is_alive(pid), "it has all the time it needs")
        equal(service.shown["state"], "stopping", "state")
        gate.release()
        equal(site.job_ended(job), "completed", "stop")
        check(not is_alive(pid), "it has ended")
        with open(log, encoding="utf-8") as file:
            equal(file.read(), "10 ", "signals")


@test("pain-26-a-crash-loop-is-slowed-down-counted-and-ended", alike=True)
def crash_loop():
    with Site() as site:
        starts = site.path("starts")
        text = f"import sys, time\nopen({starts!r}, 'a').write(f'{{time.monotonic()}}\\n')\n" \
               "sys.stdin.read()\ntime.sleep(0.08)\nsys.exit(3)\n"
        service = Service(site, "loop", {"app.py": text}, start=False, Listen=None, Exec=f"{PYTHON} app.py",
                          Ready="delay:20ms", RestartDelay="50ms", RestartLimit="3", RestartWindow="30s")
        site.hrctl("daemon-reload", "--no-wait")
        site.wait_state("loop", "failed")
        with open(starts, encoding="utf-8") as file:
            times = [float(line) for line in file]
        delays = [after - before for before, after in zip(times, times[1:])]
        check(2 <= len(delays) <= 4, "it was started again a few times:", delays)
        check(delays[1] > delays[0], "each time later:", delays)
        check("status 3" in service.shown["error"] and "RestartLimit" in service.shown["error"], "status says why:",
              service.shown["error"])
        # Started by hand, it has its whole budget again.
        write(starts, "")
        mark = site.signals.mark()
        site.hrctl("--no-wait", "start", "loop")
        site.wait_state("loop", "failed", mark)
        with open(starts, encoding="utf-8") as file:
            equal(len(file.readlines()), len(times), "starts")


if __name__ == "__main__":
    sys.exit(main())
