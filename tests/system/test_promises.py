#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The promises of the README, each under its own words."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import (DEADLINE, Gate, Load, NotRunHere, Site, answers, check, equal, get, is_alive, main, select_nothing, test,
                     until, write, write_atomic)
from services import ABRUPT, LATE_STATE, UNMODIFIED, Example, Service, Unmodified, app, at_gate


def is_live(service, version):
    # Before the switch either may answer where both share a socket.
    until(lambda: answers(service.port, version) and service.shown["state"] == "running", f"version {version} is live")
    equal(service.ask(), version, "answer")


# 1


@test("promise-1-no-save-is-lost: at any moment of reloads", alike=True)
def saves_at_any_moment():
    with Site() as site:
        service = Service(site, "busy", {"app.py": app(keep=True)})
        choice = random.Random(1)
        for number in range(25):
            text = app(f"v{number}", keep=number % 2 == 0) if number % 5 else "broken(\n"
            (write if number % 3 else write_atomic)(service.path("app.py"), text)
            select_nothing(choice.random() * 0.12)
        service.save(app("last", keep=True))
        is_live(service, "last")


@test("promise-1-no-save-is-lost: while state passes and while a rollback runs", alike=True)
def saves_in_late_phases():
    with Site() as site:
        ending, early = Gate(site, "ending"), Gate(site, "early")
        service = Service(site, "late", {"app.py": app(keep=True, ending=at_gate(ending))})
        mark = service.save(app("2", keep=True))
        ending.arrived()
        service.save(app("3", keep=True))
        select_nothing(0.2)
        ending.release()
        service.completed(mark, 2, drained=False)
        is_live(service, "3")
        service.good(3)
        service.save(app("4", keep=True, early=at_gate(early), late="sys.exit(1)"))
        early.arrived()
        service.save(app("5", keep=True))
        select_nothing(0.2)
        early.release()
        is_live(service, "5")


@test("promise-1-no-save-is-lost: during a pause and while the daemon is away", alike=True)
def saves_while_nobody_looks():
    with Site() as site:
        service = Service(site, "away")
        service.good(1)
        site.call("Pause", "string:")
        service.save(app("2"))
        site.stop_daemon()
        site.start_daemon()
        equal(site.status()["paused"], True, "the pause outlives the daemon")
        site.wait_state("away", "running")
        equal(service.ask(), "1", "answer during the pause")
        service.save(app("3"))
        site.call("Resume", "string:")
        is_live(service, "3")


# Exits unless all files are of one branch: half a tree would not start.
WHOLE = """found = {open(os.path.join("parts", name)).read() for name in sorted(os.listdir("parts"))}
if len(found) != 1 or len(os.listdir("parts")) != 300:
    sys.exit(f"half a tree: {found} in {len(os.listdir('parts'))}")
VERSION = found.pop().strip()
"""


@test("promise-1-no-save-is-lost: a branch checkout of many files is one reload of the whole tree (pain-14)")
def branch_checkout():
    with Site() as site:
        if shutil.which("git", path=site.environment["PATH"]) is None:
            raise NotRunHere("there is no git")
        files = {"app.py": app(early=WHOLE), **{f"parts/{number}": "main\n" for number in range(300)}}
        service = Service(site, "branch", files, start=False)

        def git(*words):
            subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", service.top, *words],
                           check=True, env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        git("init", "-q", "-b", "main")
        git("add", ".")
        git("commit", "-qm", "main")
        git("checkout", "-qb", "other")
        for number in range(300):
            write(service.path("parts", str(number)), "other\n")
        git("commit", "-qam", "other")
        git("checkout", "-q", "main")
        service.begin()
        mark = site.signals.mark()
        git("checkout", "-q", "other")
        service.completed(mark, 2)
        equal(service.ask(), "other", "answer")
        # As long as git says that it is at work, nothing begins.
        lock = service.path(".git", "index.lock")
        write(lock, "")
        mark = site.signals.mark()
        for number in range(300):
            if number == 150:
                until(lambda: site.status()["pending"], "the first half is pending")
            write(service.path("parts", str(number)), "third\n")
        equal(site.signals.seen("ReloadStarted", "branch", mark), [], "reloads while the lock is there")
        os.unlink(lock)
        service.completed(mark, 3)
        equal(service.ask(), "third", "answer")
        equal(len(site.signals.seen("ReloadStarted", "branch")), 3, "reloads")


@test("promise-1-no-save-is-lost: after lost events (pain-20)", alike=True)
def lost_events():
    with Site() as site:
        service = Service(site, "lost", {"app.py": app(), "deep/x.py": "X = 1\n"})
        with open("/proc/sys/fs/inotify/max_queued_events", encoding="utf-8") as file:
            limit = int(file.read())
        site.daemon.send_signal(signal.SIGSTOP)
        # Each of these is three events or more; the queue is full long before the end.
        for number in range(limit // 3 + 1000):
            path = service.path(f"deep/x{number % 2}.txt")
            with open(path, "w", encoding="utf-8"):
                pass
            os.unlink(path)
        mark = service.save("Y = 1\n", "new/directory/y.py")
        service.save(app("2"))
        site.daemon.send_signal(signal.SIGCONT)
        service.completed(mark)
        is_live(service, "2")
        # What was made while events were lost is watched, too.
        mark = service.save("Y = 2\n", "new/directory/y.py")
        equal(service.completed(mark)["args"][4]["files"], ["new/directory/y.py"], "files")


# 2


@test("promise-2-a-bad-version-never-hurts-the-good-one")
def bad_versions():
    with Site() as site:
        service = Service(site, "good", {"app.py": app(keep=True)}, StartTimeout="300ms",
                          groups={"Health": {"Probe": "exec:sh -c '! grep -q SICK app.py'", "Failures": "1"},
                                  "Check": {"PreCheck": "sh -c '! grep -q UNCHECKED app.py'", "Forbid": "FORBIDDEN"}})
        pid = service.pid
        service.ask("/grow")
        load = Load(service.port, 5)
        for name, text, phase in (
                ("syntax", "broken(\n", "check"), ("forbidden", app("bad") + "# FORBIDDEN\n", "check"),
                ("pre-check", app("bad") + "# UNCHECKED\n", "check"), ("exit", app("bad", early="sys.exit(1)"), "ready"),
                ("signal", app("bad", early="os.kill(os.getpid(), 11)"), "ready"),
                ("never ready", app("bad", early="signal.pause()"), "ready"),
                ("probe", app("probed") + "# SICK\n", "verify")):
            mark = service.save(text)
            service.failed(mark, phase)
            equal((service.pid, service.ask("/count")), (pid, "1"), f"PID and state after {name}")
        # Where state must pass first, the old one has to end: it is back with its state before anyone is refused.
        for late in ("sys.exit(1)", "signal.pause()"):
            mark = service.save(app("bad", keep=True, late=late))
            service.failed(mark, "ready")
            site.signals.wait("RolledBack", "good", mark)
            equal(service.ask("/count"), "1", "state")
        equal(load.stop(), [], f"failures of {load.count} requests")
        # One that is ready shares the listener while it is probed.
        equal([body for body in load.bodies if body != "probed"], ["1"], "answers")


# 3


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload")
def connections():
    with Site() as site:
        service = Service(site, "served", {"app.py": app("0", keep=True)})
        load = Load(service.port, 10)
        for number in range(1, 6):
            service.completed(service.save(app(str(number), keep=number % 2 == 0)))
        for words in (["rollback", "served", "--to=2"], ["restart", "served"], ["reload", "served"]):
            equal(site.hrctl(*words).returncode, 0, f"hrctl {words}")
        equal(load.stop(), [], f"failures of {load.count} requests")
        check({"0", "5", "1"} <= set(load.bodies), "answers:", load.bodies)


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload: a request in flight and one in the queue are answered")
def in_flight():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "flight")
        slow = socket.create_connection(("127.0.0.1", service.port), timeout=DEADLINE)
        wait = f"[open({gate.path!r}).read(), VERSION][1]".encode().hex()
        slow.sendall(f"GET /eval/{wait} HTTP/1.1\r\n\r\n".encode())
        gate.arrived()
        # The service does one thing at a time: this one waits in the queue of the listener.
        queued = socket.create_connection(("127.0.0.1", service.port), timeout=DEADLINE)
        queued.sendall(b"GET / HTTP/1.1\r\n\r\n")
        service.completed(service.save(app("2")), 2, drained=False)
        check(queued.recv(4096).endswith(b"2"), "the queued one is answered by the new version")
        gate.release()
        check(slow.recv(4096).endswith(b"1"), "the one in flight by the old version")
        slow.close()
        queued.close()


for language in UNMODIFIED:
    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: an unmodified {language} server under load",
          alike=language != "python")
    def unmodified(language=language):
        with Site() as site:
            if not os.path.exists(UNMODIFIED[language][0]):
                raise NotRunHere(f"there is no {language}")
            service = Unmodified(site, UNMODIFIED[language])
            load = Load(service.port, 20)
            for number in range(2, 8):
                service.reload(str(number))
                equal(get(service.port)[1], str(number), "the answer after the reload")
            equal(load.stop(), [], f"failures of {load.count} requests")
            equal(set(load.bodies), {str(number) for number in range(1, 8)}, "answers")


# 4


@test("promise-4-no-accepted-work-is-lost")
def accepted_work():
    with Site() as site:
        # Each piece of work is counted in the state and written into the working copy.
        text = app("{}", keep=True).replace('        state["count"] += 1\n', '        state["count"] += 1\n'
                                            '        open("work.txt", "a").write("x")\n')
        service = Service(site, "works", {"app.py": text.replace("{}", "0")})
        load = Load(service.port, 8, "/grow")
        for number in range(1, 8):
            service.completed(service.save(text.replace("{}", str(number))))
        equal(load.stop(), [], "failures of the load")
        equal(int(service.ask("/count")), load.count, "work in the state, of what was answered")
        equal(int(service.evaluate('len(open("work.txt").read())')), load.count, "work in the working copy")


for handover in ("overlap", "sequential"):
    @test(f"promise-4-no-accepted-work-is-lost: a program that ends at once when it is told to stop, {handover}",
          alike=handover != "overlap")
    def abrupt(handover=handover):
        with Site() as site:
            service = Unmodified(site, ABRUPT, f"Handover={handover}\n")
            load = Load(service.port, 20, "/grow")
            for number in range(2, 7):
                service.reload(str(number))
            equal(load.stop(), [], f"failures of {load.count} requests")
            equal(int(get(service.port, "/count")[1]), load.count, "work in the state, of what was answered")
            equal(get(service.port, "/version")[1], "6", "the answer after the reloads")


@test("promise-4-no-accepted-work-is-lost: a program that listens before it reads its state", alike=True)
def late_state():
    with Site() as site:
        service = Unmodified(site, LATE_STATE)
        for number in range(2, 6):
            get(service.port, "/grow")
            service.reload(str(number))
            equal(get(service.port, "/count")[1], str(number - 1), f"count after release {number}")


# 5


@test("promise-5-your-files-are-yours")
def files_are_yours():
    with Site() as site:
        files = {"app.py": "import helper\n" + app(), "helper.py": "X = 1\n", "run.sh": "true\n", "t.json": "{}\n",
                 "node_modules/m/index.js": "1\n", "x.js": "let a = 1\n", "y.mjs": "export let a = 1\n",
                 ".gitignore": "build/\n", "empty/.keep": ""}
        service = Service(site, "yours", files,
                          {"Check": {"Build": "sh -c 'mkdir -p build; echo x > build/out; echo x > made; rm -f t.json'",
                                     "PreCheck": "sh -c 'echo x > checked; echo y >> helper.txt'"}}, Exec="python3 app.py")

        def untouched(what):
            equal(site.source_listing(service.top), before, f"the source after {what}")
        before = site.source_listing(service.top)
        service.evaluate("[open('own.txt', 'w').write('x'), os.makedirs('own'), os.unlink('run.sh')]")
        untouched("the program wrote, removed and made directories")
        for text, what in (("X = 2\n", "a good reload"), ("broken(\n", "a bad one"), ("X = 3\n", "another")):
            mark = service.save(text, "helper.py")
            before = site.source_listing(service.top)
            service.ended(mark)
            untouched(what)
        for words in (["rollback", "yours", "--to=1"], ["reload", "yours"], ["plan", "yours"], ["diff", "yours"],
                      ["check"], ["stop", "yours"], ["start", "yours"]):
            equal(site.hrctl(*words).returncode, 0, f"hrctl {words}")
            untouched(f"hrctl {words}")
        site.stop_daemon()
        untouched("the daemon's end")


@test("promise-5-your-files-are-yours: also those of a program that is built, and without the right to write")
def read_only_source():
    with Site() as site:
        service = Example(site, "c", start=False)
        os.chmod(service.path(service.main), 0o444)
        os.chmod(service.top, 0o555)
        before = site.source_listing(service.top)
        service.begin()
        equal(service.being()["currentLevel"], 1, "answer")
        equal(site.hrctl("reload", "c").returncode, 0, "reload")
        equal(site.source_listing(service.top), before, "source")


# 6


@test("promise-6-success-is-proven")
def proven():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "proof", Handover="sequential")
        old = service.pid
        mark = service.save(app("2", late=at_gate(gate)))
        gate.arrived()
        began = time.monotonic()
        # There is a process of the new release. It has not said that it is ready, so nothing has succeeded.
        until(lambda: time.monotonic() - began > 0.2, "some time passes")
        equal(site.signals.seen("ReloadCompleted", "proof", mark), [], "ReloadCompleted so far")
        held = time.monotonic() - began
        gate.release()
        event = service.completed(mark, 2)
        took = event["at"] - began + 1
        pid = service.pid
        check(pid != old and is_alive(pid) and not is_alive(old), "another process")
        equal([service.ask(f"/env/HOTRELOAD_{name}") for name in ("RELEASE", "SERVICE", "SLOT")], ["2", "proof", "b"],
              "what the process was started as")
        equal(int(service.ask("/pid")), pid, "the PID that status shows")
        commit = service.releases[-1]["commit"]
        equal(service.ask("/env/HOTRELOAD_COMMIT"), commit, "commit")
        check(held <= event["args"][3] / 1e6 <= took, "downtime is measured:", held, event["args"][3], took)


if __name__ == "__main__":
    sys.exit(main())
