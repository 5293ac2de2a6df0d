#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon becomes the program that is installed now, in place, and nobody notices."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
# pylint: disable=wrong-import-position
import services
from harness import (BUILD, DEADLINE, Follower, Gate, Load, Site, check, equal, is_alive, main, test, until, write,
                     write_atomic)
from storm import Storm

# As often one after the other, unless the environment says another number; the second run, as another user, is a shorter one.
TIMES = int(os.environ.get("HOTRELOAD_TEST_REEXECS", "100" if os.geteuid() == 0 else "20"))


class Installed(Site):
    """A site whose daemon is a copy, which can be replaced as an update does."""

    def daemon_command(self):
        program = self.path("bin", "hotreloadd")
        if not os.path.exists(program):
            os.makedirs(os.path.dirname(program))
            shutil.copy(os.path.join(BUILD, "daemon", "hotreloadd"), program)
        return [program, *super().daemon_command()[1:]]

    def install(self, text):
        """Puts this script in the place of the daemon's program."""
        program = self.path("bin", "hotreloadd")
        write_atomic(program, text)
        os.chmod(program, 0o755)

    def install_daemon(self):
        """Puts the daemon's program there again, as another file."""
        program = self.path("bin", "hotreloadd")
        shutil.copy(os.path.join(BUILD, "daemon", "hotreloadd"), program + ".new")
        os.rename(program + ".new", program)


class Owners:
    """Who owns the daemon's name, and each change of that."""

    def __init__(self, site):
        self.site = site
        self.first = self.owner()
        self.process = subprocess.Popen(["dbus-monitor", "--session",
                                         "type='signal',member='NameOwnerChanged',arg0='org.hotreload.Manager'"],
                                        stdout=subprocess.PIPE, text=True, env=site.environment)
        # It says first that it has the signals: of its own name.
        self.process.stdout.readline()
        site.processes.append(self.process)

    def owner(self):
        reply = subprocess.run(["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                                "org.freedesktop.DBus.GetNameOwner", "string:org.hotreload.Manager"],
                               capture_output=True, text=True, check=True, env=self.site.environment, timeout=DEADLINE)
        return reply.stdout.split()[-1]

    def unchanged(self):
        equal(self.owner(), self.first, "the owner of the name")
        self.process.terminate()
        changes = [line for line in self.process.communicate(timeout=DEADLINE)[0].splitlines()
                   if "org.hotreload.Manager" in line]
        equal(changes, [], "changes of the name's owner")


def pids(site):
    return sorted(site.left_over())


@test(f"promise: the daemon is re-executed {TIMES} times under load: no request is lost, same processes, the name never lapses")
def again_and_again():
    with Site() as site, Storm(site, "python", "adopt", connections=4) as storm:
        several = services.Service(site, "several", Instances=3)
        until(lambda: site.service("several")["state"] == "running" and len(pids(site)) >= 4, "all of several run")
        owners, daemon, running = Owners(site), site.daemon.pid, pids(site)
        load, before = Load(several.port, 2), site.service(storm.name)
        times = []
        for _ in range(TIMES):
            times.append(site.reexec())
        equal(pids(site), running, "processes of services")
        equal(site.daemon.poll(), None, "how the daemon has ended")
        equal(site.daemon.pid, daemon, "PID of the daemon")
        after = site.service(storm.name)
        for key in ("pid", "release", "state", "restarts", "listen", "view"):
            equal(after[key], before[key], key)
        check(after["uptimeUsec"] > before["uptimeUsec"], "its uptime goes on:", before, after)
        owners.unchanged()
        descriptors = len(os.listdir(f"/proc/{daemon}/fd"))
        site.reexec()
        check(len(os.listdir(f"/proc/{daemon}/fd")) <= descriptors + 2, "descriptors do not add up:", descriptors)
        equal(len(site.keepers()), 1, "keepers")
        storm.reload()
        for who, figure in storm.end().items():
            equal(figure["unaccounted"], [], f"failures of {figure['ok']} requests over {who} connections")
            equal(figure["accounted"], 0, f"connections lost over {who} connections")
        equal(load.stop(), [], f"failures of {load.count} requests to several")
        times.sort()
        print(f"# {len(times)} times, {times[len(times) // 2] * 1000:.0f} ms in the middle, {times[-1] * 1000:.0f} ms at most")


@test("promise: clients notice nothing: every call is answered while the daemon is re-executed")
def clients():
    with Site() as site:
        service = services.Service(site, "web")
        failures, stopping, count = [], threading.Event(), [0]

        def ask():
            while not stopping.is_set():
                reply = site.dbus_send("ListServices")
                count[0] += 1
                if reply.returncode != 0:
                    failures.append(reply.stderr)
        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        try:
            for _ in range(5):
                site.reexec()
        finally:
            stopping.set()
            for asker in askers:
                asker.join()
        equal(failures, [], f"of {count[0]} calls failed")
        check(count[0] > 20, "calls were made:", count)
        # Signals come from the same object as before.
        mark = service.save(services.app("2"))
        service.completed(mark, 2)


@test("promise: a reload that is under way ends before, and who waits for it sees its end")
def in_reload():
    with Site() as site:
        gate = Gate(site)
        service = services.Service(site, "web", {"app.py": services.app(keep=True)})
        service.good(1)
        service.ask("/grow")
        # It has the state of the old one and cannot be put back.
        mark = service.save(services.app("2", keep=True, late=services.at_gate(gate)))
        gate.arrived()
        waiting = Follower(site, "reload", "web", name="waiting")
        done = Follower(site, "daemon-reexec", name="reexec")
        until(lambda: "re-executing" in site.daemon_log(), "it has begun")
        # Who comes later need not wait there.
        os.unlink(gate.path)
        write(gate.path, "")
        gate.close()
        equal(done.process.wait(DEADLINE), 0, done.text(done.err))
        equal(waiting.process.wait(DEADLINE), 0, waiting.text(waiting.err))
        equal(service.ended(mark)["signal"], "ReloadCompleted", "the first reload")
        site.drained("web")
        equal(service.ask("/count"), "1", "count")
        equal([entry["success"] for entry in site.history("web")], [True, True, True], "history")
        check("web" in waiting.text(waiting.out), waiting.text(waiting.out))


@test("promise: a reload that takes long is put back, and begins anew under the same job")
def puts_back():
    with Site() as site:
        gate = Gate(site)
        service = services.Service(site, "web")
        service.good(1)
        pid = service.pid
        mark = service.save(services.app("2", early=services.at_gate(gate)))
        job = site.signals.wait("ReloadStarted", "web", mark)["args"][1]
        gate.arrived()
        done = Follower(site, "daemon-reexec", name="reexec")
        equal(done.process.wait(DEADLINE), 0, done.text(done.err))
        equal(service.pid, pid, "PID of the old release")
        equal(site.job_property(job, "Result") in ("waiting", "running"), True, "the job goes on")
        gate.close()
        gate.release()
        event = service.completed(mark, 2)
        equal(event["args"][1], job, "the job")
        equal(site.job_property(job, "Result"), "completed", "its result")
        equal(len(site.signals.seen("ReloadStarted", "web", mark)), 1, "reloads that were announced")
        equal(site.signals.seen("ReloadFailed", "web", mark), [], "reloads that failed")
        equal([entry["success"] for entry in site.history("web")], [True, True], "history")


@test("promise: what has failed, has ended, waits for a restart, or is stopped or paused stays so, with its figures")
def states():
    with Site() as site:
        services.Service(site, "web")
        for name, words, keys in (("failed", "exit 3", "RestartLimit=2\nRestartDelay=1ms\nReady=delay:1ms\n"),
                                  ("ended", "exit 0", "Ready=delay:1ms\n")):
            site.add(name, f"[Service]\nExec=/bin/sh -c \"sleep 0.2; {words}\"\n{keys}", wait=None)
        site.add("waits", "[Service]\nExec=/bin/sh -c \"sleep 0.05; exit 3\"\nRestartDelay=60min\nRestartDelayMax=60min\n"
                 "Ready=delay:1ms\n", wait=None)
        site.add("stopped", "[Service]\nExec=/bin/sleep 1000\nReady=delay:1ms\n")
        equal(site.hrctl("stop", "stopped").returncode, 0, "stop")
        equal(site.hrctl("pause", "web").returncode, 0, "pause")
        until(lambda: site.service("failed")["state"] == "failed" and site.service("ended")["state"] == "stopped"
              and site.service("waits")["state"] == "starting" and "waits: it exited" in site.daemon_log(),
              "all are as they are to be")
        before = site.status()
        mark = site.signals.mark()
        site.reexec()
        after = site.status()
        for old, new in zip(before["services"], after["services"]):
            for key in ("name", "state", "pid", "restarts", "error", "paused", "release"):
                equal(new.get(key), old.get(key), f"{key} of {old['name']}")
        for key in ("reloadCount", "failedReloads", "lastReload"):
            equal(after[key], before[key], key)
        equal([e["args"] for e in site.signals.events[mark:] if e["signal"] == "ServiceStateChanged"], [],
              "changes that were told of")
        # Each can be started as before.
        for name in ("stopped", "failed"):
            site.hrctl("start", name)
        equal(site.service("stopped")["state"], "running", "state after the start")


@test("promise: a program of hrctl run runs on, and goes with its caller")
def transient():
    with Site() as site:
        run = Follower(site, "run", "--name=mine", "--", "/bin/sh", "-c", "echo begins; exec sleep 1000", name="run",
                       cwd=site.home)
        site.wait_state("mine", "running")
        pid = site.service("mine")["pid"]
        for _ in range(2):
            site.reexec()
            equal(site.service("mine")["pid"], pid, "PID")
        equal(run.process.poll(), None, "how hrctl run has ended")
        # Its output still goes to the caller, also that of the next instance.
        equal(site.hrctl("restart", "mine").returncode, 0, "restart")
        until(lambda: run.text(run.out).count("begins") == 2, run.text(run.out))
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()
        until(lambda: site.service("mine", missing=None) is None and not site.left_over(), "it goes with its caller")


@test("promise: a program that cannot start is not executed: the daemon stays as it is, and says why")
def refused():
    with Installed() as site:
        service = services.Service(site, "web")
        pid, owners = service.pid, Owners(site)
        for text, words in (("#!/bin/sh\necho it is broken >&2\nexit 3\n", "it is broken"),
                            ("#!/bin/sh\necho hello\n", "does not answer as a hotreloadd does"),
                            ("#!/bin/sh\necho state-version: 1\n", "is older than the state"),
                            ("no program at all\n", "cannot go on with what is there"),
                            # It can be tried, and is gone then.
                            ("#!/bin/sh\nrm \"$0\"\necho state-version: 2\n", "the daemon could not be re-executed")):
            site.install(text)
            result = site.hrctl("daemon-reexec")
            equal(result.returncode, 1, "exit status")
            check(words in result.stderr, "the reason:", result.stderr)
        equal(site.hrctl("daemon-reexec").returncode, 1, "exit status without a program")
        equal((service.pid, service.ask()), (pid, "1"), "the service")
        owners.unchanged()
        mark = service.save(services.app("2"))
        service.completed(mark, 2)

        # The program is there again, as another file: an update.
        site.install_daemon()
        site.reexec()
        equal(os.readlink(f"/proc/{site.daemon.pid}/exe"), site.path("bin", "hotreloadd"), "the program that runs")
        equal(service.ask(), "2", "answer")


@test("promise: state of a newer version is refused: by who is to take the place of the daemon, and by one that starts")
def newer_state():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        pid, path = service.pid, os.path.join(site.state, "run-state.json")
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        text = json.dumps({**state, "version": 99})
        write(path, text)
        result = site.hrctl("daemon-reexec")
        equal(result.returncode, 1, "exit status")
        check("was written by a newer hotreload: its version is 99" in result.stderr, "the reason:", result.stderr)
        equal(service.pid, pid, "PID")
        site.stop_daemon(signal.SIGKILL)
        write(path, text)
        status, words = site.run_daemon_alone(*site.daemon_command()[1:])
        equal(status, 1, "exit status of a daemon that is to start")
        check("its version is 99" in words, "the reason:", words)
        with open(path, encoding="utf-8") as file:
            equal(file.read(), text, "what was written down")
        check(is_alive(pid), "the service runs on")
        write(path, json.dumps(state))
        site.start_daemon()
        equal(service.pid, pid, "PID")


@test("promise: a daemon that is told to stop while it is being re-executed stops")
def stopped():
    with Site() as site:
        gate = Gate(site)
        service = services.Service(site, "web", {"app.py": services.app(keep=True)})
        service.good(1)
        service.save(services.app("2", keep=True, late=services.at_gate(gate)))
        gate.arrived()
        done = Follower(site, "daemon-reexec", name="reexec")
        until(lambda: "re-executing" in site.daemon_log(), "it has begun")
        equal(site.hrctl("daemon-reexec").returncode, 1, "a second one")
        site.daemon.send_signal(signal.SIGTERM)
        equal(done.process.wait(DEADLINE), 1, "exit status of daemon-reexec")
        gate.close()
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        equal(site.left_over(), [], "processes of services")


# Before the daemon executes a program in its own place it waits at a gate.
SLOW_EXECUTION = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int
execv (const char *path, char *const *arguments)
{
  int (*next) (const char *, char *const *) = (int (*) (const char *, char *const *)) dlsym (RTLD_NEXT, "execv");
  char byte;
  if (getenv ("HOTRELOAD_HANDED") != NULL)
    {
      int gate = open (GATE, O_RDONLY | O_CLOEXEC);
      while (gate >= 0 && read (gate, &byte, 1) > 0)
        ;
    }
  return next (path, arguments);
}
"""


@test("promise: what tells the daemon to stop in the last moment before it is re-executed is not forgotten")
def told_last():
    with Site(daemon=False) as site:
        gate = Gate(site)
        library = site.path("slow.so")
        subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", f'-DGATE="{gate.path}"', "-o", library, "-ldl"], check=True,
                       input=SLOW_EXECUTION, text=True)
        site.environment["LD_PRELOAD"] = library
        site.environment["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
        site.start_daemon()
        del site.environment["LD_PRELOAD"]
        service = services.Service(site, "web")
        service.good(1)
        done = Follower(site, "daemon-reexec", name="reexec")
        gate.arrived()
        site.daemon.send_signal(signal.SIGTERM)
        gate.release()
        equal(site.daemon.wait(DEADLINE), 0, "exit status of the daemon")
        site.daemon = None
        done.process.wait(DEADLINE)
        equal(site.daemon_log().count("hotreloadd: ready"), 2, "it was re-executed")
        equal(site.left_over(), [], "processes of services")


@test("promise: while the file of a service that runs does not load the daemon stays as it is")
def broken_file():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        pid = service.pid
        service.groups["Service"]["NoSuchKey"] = "1"
        service.write_file()
        for read_before in (False, True):
            result = site.hrctl("daemon-reexec")
            equal(result.returncode, 1, "exit status")
            check("'web' runs, and its service file does not load any more" in result.stderr, result.stderr)
            equal((service.pid, service.ask()), (pid, "1"), "the service")
            if not read_before:
                site.hrctl("daemon-reload")
        del service.groups["Service"]["NoSuchKey"]
        service.write_file()
        site.reexec()
        equal((service.pid, service.shown["state"]), (pid, "running"), "the service")


@test("promise: a file that breaks while the daemon waits to be re-executed ends no service")
def breaks_meanwhile():
    with Site() as site:
        gate = Gate(site)
        service, other = services.Service(site, "web", {"app.py": services.app(keep=True)}), services.Service(site, "other")
        service.good(1)
        other.good(1)
        pid = other.pid
        service.save(services.app("2", keep=True, late=services.at_gate(gate)))
        gate.arrived()
        done = Follower(site, "daemon-reexec", name="reexec")
        until(lambda: "re-executing" in site.daemon_log(), "it has begun")
        other.groups["Service"]["NoSuchKey"] = "1"
        other.write_file()
        gate.close()
        done.wait_err("'other' runs, and its service file does not load any more")
        equal(done.process.wait(DEADLINE), 1, "exit status of daemon-reexec")
        equal((other.pid, other.ask()), (pid, "1"), "the service whose file is broken")
        until(lambda: service.ask() == "2", "the reload that was waited for")
        del other.groups["Service"]["NoSuchKey"]
        other.write_file()
        site.reexec()
        equal((other.pid, other.ask()), (pid, "1"), "the service whose file was broken")


# Speaks to its NOTIFY_SOCKET all the time, and tells of what could not be said.
SPEAKS = """import threading, time
def speak():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        while True:
            try:
                notify.sendto(b"STATUS=well", os.environ["NOTIFY_SOCKET"])
                state["said"] = state.get("said", 0) + 1
            except OSError as error:
                state["failed"] = repr(error)
            time.sleep(0.002)
threading.Thread(target=speak, daemon=True).start()
"""


@test("promise: programs that speak to the daemon are not refused meanwhile")
def speaks():
    with Site() as site:
        service = services.Service(site, "web", {"app.py": services.app(late=SPEAKS)})
        for _ in range(3):
            site.reexec()
        until(lambda: int(service.evaluate("state['said']")) > 100, "it has spoken on afterwards")
        equal(service.evaluate("state.get('failed')"), "None", "what could not be said")


@test("promise: afterwards the daemon is as any: its place can be taken, its keeper may end, it ends with its last transient service")
def as_any():
    with Site(arguments=["--on-exit=keep"]) as site:
        service = services.Service(site, "web")
        service.good(1)
        pid, old = service.pid, site.daemon
        site.reexec()
        keeper = site.keepers()[0]
        os.kill(keeper, signal.SIGKILL)
        until(lambda: [k for k in site.keepers() if is_alive(k)] not in ([], [keeper]), "another keeper runs")
        site.reexec()
        site.arguments = ["--on-exit=stop", "--replace"]
        site.start_daemon()
        equal(old.wait(DEADLINE), 0, "exit status of the daemon that was replaced")
        equal(service.pid, pid, "PID")
        # One that was started by --replace itself.
        site.reexec()
        equal(service.pid, pid, "PID")
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        equal(site.left_over(), [], "processes of services")
    with Site(daemon=False) as site:
        run = Follower(site, "run", "--name=mine", "--", "/bin/sleep", "1000", name="run", cwd=site.home)
        run.wait_err("mine: release 1 is live")
        pid = int(site.json("status")["daemon"]["pid"])
        site.reexec()
        run.process.send_signal(signal.SIGINT)
        equal(run.process.wait(DEADLINE), 0, "exit status of hrctl run")
        until(lambda: not is_alive(pid), "the daemon has ended")


@test("promise: a service whose file has changed meanwhile is reloaded, not killed")
def changed_file():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        load, mark = Load(service.port, 2), site.signals.mark()
        service.groups["Service"]["StopTimeout"] = "7s"
        service.write_file()
        site.reexec()
        service.completed(mark, 1)
        equal(load.stop(), [], f"failures of {load.count} requests")


if __name__ == "__main__":
    sys.exit(main())
