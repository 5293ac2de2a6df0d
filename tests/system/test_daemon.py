#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon itself: how it begins, how it ends, how another takes its place, and what its options do."""

import os
import re
import signal
import subprocess
import sys
import time

from harness import DEADLINE, Gate, SOURCE, Site, check, equal, is_alive, main, test, until, write
from services import Service, app, at_gate, key_file

SLEEPER = "[Service]\nExec=/bin/sleep 1000\nReady=delay:10ms\n"
MANAGER = "org.hotreload.Manager"


def bus_call(site, method, *arguments):
    """A call to the bus itself; returns dbus-send's words."""
    return subprocess.run(["dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus",
                           "/org/freedesktop/DBus", f"org.freedesktop.DBus.{method}", *arguments], capture_output=True,
                          text=True, check=False, env=site.environment, timeout=DEADLINE).stdout.strip()


def owner(site):
    """PID of the daemon that owns the name, 0: none."""
    words = bus_call(site, "GetConnectionUnixProcessID", f"string:{MANAGER}")
    return int(words.split()[-1]) if words else 0


class Another:
    """A second daemon at a site, with directories of its own when told so, and what it says."""

    def __init__(self, site, *options, own=None):
        self.log = site.path(f"another-{time.monotonic_ns()}.log")
        command = site.daemon_command()
        if own is not None:
            command = [word for word in command if not word.startswith(("--config-dir", "--state-dir", "--runtime-dir"))]
            command += [f"--config-dir={own}/config", f"--state-dir={own}/state", f"--runtime-dir={own}/run"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*command, *options], env=site.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        site.processes.append(self.process)

    def said(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def ended(self):
        return self.process.wait(DEADLINE)

    def ready(self):
        until(lambda: "ready" in self.said() or self.process.poll() is not None, "the other daemon is ready")
        check("ready" in self.said(), "the other daemon ended:", self.said())


@test("a-daemon-without-its-helpers-refuses-to-start: it names the file, and how to say where it is", alike=True)
def without_helpers():
    with Site(daemon=False) as site:
        built = site.environment["HOTRELOAD_LIBEXECDIR"]
        site.environment["HOTRELOAD_LIBEXECDIR"] = site.path("helpers")
        os.mkdir(site.path("helpers"))
        command = site.daemon_command()[1:]
        # One after the other: what is there is not complained of.
        for name, what in (("hotreload-exec", "executed"), ("libhotreload-adopt.so", "read")):
            status, said = site.run_daemon_alone(*command)
            equal(status, 1, f"exit status without {name}: {said}")
            for words in (f"'{site.path('helpers', name)}' is missing, or cannot be {what}", "HOTRELOAD_LIBEXECDIR"):
                check(words in said, words, "in", said)
            check("ready" not in said, said)
            os.symlink(os.path.join(built, name), site.path("helpers", name))
        # What not every service needs is said, and what does not work without it.
        site.start_daemon()
        for words in ("libhotreload-probe.so' is missing, or cannot be read: what a command (exec:) probes may",
                      "hotreload-journal' is missing, or cannot be executed: the journal does not get"):
            check(words in site.daemon_log(), words, "in", site.daemon_log())
        Service(site, "web").good(1)


@test("SIGHUP-reads-the-configuration-again")
def hangup():
    with Site() as site:
        site.add("kept", SLEEPER)
        site.add("gone", SLEEPER)
        pid = site.service("kept")["pid"]
        mark = site.signals.mark()
        site.service_file("new", SLEEPER)
        os.unlink(os.path.join(site.config, "services.d", "gone.conf"))
        site.service_file("broken", "[Service]\nExecute=1\n")
        site.daemon.send_signal(signal.SIGHUP)
        site.wait_state("new", "running", mark)
        until(lambda: site.service("gone", missing=None) is None, "the removed service is gone")
        equal(site.service("kept")["pid"], pid, "PID of what did not change")
        equal(site.service("broken")["state"], "invalid", "state of the broken one")
        # A directory that is gone is said, and ends nothing.
        os.rename(site.config, site.config + ".away")
        site.daemon.send_signal(signal.SIGHUP)
        until(lambda: f"'{site.config}" in site.daemon_log(), "it is said that there is no configuration")
        equal(site.service("kept")["pid"], pid, "PID without a configuration")
        os.rename(site.config + ".away", site.config)


@test("SIGTERM-and-SIGINT-stop-the-services-and-leave-no-orphan")
def terminate():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Site() as site:
            service = Service(site, "state", {"app.py": app(keep=True)})
            service.ask("/grow")
            site.add("tree", "[Service]\nExec=/bin/sh -c 'sleep 1000 & sleep 1000 & wait'\nReady=delay:10ms\n")
            until(lambda: len(site.left_over()) >= 4, "the service's children run")
            equal(site.stop_daemon(number), 0, "exit status")
            equal(site.left_over(), [], "processes of services")
            equal(owner(site), 0, "owner of the name")
            site.start_daemon()
            site.wait_state("state", "running")
            equal(service.ask("/count"), "1", "the state")


@test("READY-and-the-name-come-only-after-loading")
def ready():
    with Site(daemon=False) as site:
        gate = Gate(site)
        for number in range(30):
            site.service_file(f"many{number}", SLEEPER)
        top = site.source("slow", {"app.py": app(early=at_gate(gate))})
        site.service_file("slow", key_file({"Service": {"Exec": "python3 -S app.py", "Source": top}}))
        site.start_daemon()
        # READY=1 came: the name is owned, and every service is known; that all of them run is not waited for.
        equal(owner(site), site.daemon.pid, "owner of the name")
        services = {service["name"]: service["state"] for service in site.status()["services"]}
        equal((len(services), services["slow"]), (31, "starting"), "services")
        gate.release()


@test("a-second-daemon-with-the-same-state-directory-waits-five-seconds-and-names-the-holder", alike=True)
def second_same():
    with Site() as site:
        site.add("one", SLEEPER)
        pid = site.service("one")["pid"]
        began = time.monotonic()
        another = Another(site)
        equal(another.ended(), 1, "exit status")
        check(5 <= time.monotonic() - began, "it waited:", time.monotonic() - began)
        for word in (site.state, f"PID {site.daemon.pid}", "--state-dir"):
            check(word in another.said(), f"no {word!r} in:", another.said())
        equal((site.service("one")["pid"], owner(site)), (pid, site.daemon.pid), "the first daemon and its service")
        # It waits for the first one's end, and goes on from there.
        another = Another(site)
        site.stop_daemon()
        another.ready()
        equal(owner(site), another.process.pid, "owner of the name")
        site.wait_state("one", "running")
        another.process.terminate()
        equal(another.ended(), 0, "exit status")


@test("a-second-daemon-on-the-same-bus-ends-at-once-and-names-the-owner")
def second_other():
    with Site() as site:
        own = site.path("own")
        write(os.path.join(own, "config", "services.d", "other.conf"), SLEEPER)
        another = Another(site, own=own)
        equal(another.ended(), 1, "exit status")
        for word in (f"PID {site.daemon.pid}", "--replace"):
            check(word in another.said(), f"no {word!r} in:", another.said())
        equal(site.processes_of_services(), {}, "nothing was started")
        equal(owner(site), site.daemon.pid, "owner of the name")


@test("replace-takes-the-place-of-the-daemon-that-runs: its services end and begin again, with their state")
def replace():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "state", {"app.py": app(keep=True, ending=at_gate(gate))}, StopTimeout="60s")
        service.ask("/grow")
        service.good(1)
        old = service.pid
        another = Another(site, "--replace")
        gate.arrived()
        # While the old one ends, the name is held, and whoever calls hears why there is no answer.
        until(lambda: owner(site) == another.process.pid, "the name is taken")
        result = site.dbus_send("Reload", "string:state")
        check("org.hotreload.Error.Busy" in result.stderr and "takes over" in result.stderr, result.stderr)
        check(is_alive(old) and site.daemon.poll() is None, "the old one ends in its own time")
        equal(another.process.poll(), None, "the new one waits")
        gate.release()
        equal(site.daemon.wait(DEADLINE), 0, "exit status of the old one, as by SIGTERM")
        another.ready()
        equal(owner(site), another.process.pid, "owner of the name")
        site.wait_state("state", "running")
        equal(service.ask("/count"), "1", "the state")
        check(service.pid != old and not is_alive(old), "a process of the new one")
        # And once more, over a daemon that itself came that way.
        third = Another(site, "--replace")
        gate.release()
        equal(another.ended(), 0, "exit status of the second")
        third.ready()
        site.wait_state("state", "running")
        third.process.terminate()
        gate.release()
        equal(third.ended(), 0, "exit status of the third")
        equal(owner(site), 0, "owner of the name")
        site.daemon = None


@test("replace-takes-the-place-of-a-daemon-with-other-directories, and of none")
def replace_other():
    with Site() as site:
        site.add("one", SLEEPER)
        pid = site.service("one")["pid"]
        own = site.path("own")
        write(os.path.join(own, "config", "services.d", "other.conf"), SLEEPER)
        another = Another(site, "--replace", own=own)
        equal(site.daemon.wait(DEADLINE), 0, "exit status of the old one")
        site.daemon = None
        another.ready()
        check(not is_alive(pid), "the service of the old one has ended")
        site.wait_state("other", "running")
        equal([service["name"] for service in site.status()["services"]], ["other"], "services")
        another.process.terminate()
        equal(another.ended(), 0, "exit status")
        another = Another(site, "--replace", own=own)
        another.ready()
        another.process.terminate()
        equal(another.ended(), 0, "exit status where there was none to replace")
        equal(site.left_over(), [], "processes of services")


@test("replace-gives-up-where-the-daemon-that-runs-does-not-end, and names it", alike=True)
def replace_stuck():
    with Site() as site:
        # Half a second for StopTimeout and a second for StartTimeout: the wait is not for ever.
        site.add("one", SLEEPER + "StopTimeout=500ms\nStartTimeout=1s\n")
        site.daemon.send_signal(signal.SIGSTOP)
        try:
            another = Another(site, "--replace")
            equal(another.process.wait(DEADLINE + 17), 1, "exit status")
            check(f"PID {site.daemon.pid}" in another.said() and "17 s" in another.said(), another.said())
        finally:
            site.daemon.send_signal(signal.SIGCONT)
        # It finds that its name was taken, and ends.
        equal(site.daemon.wait(DEADLINE), 0, "exit status")
        site.daemon = None


@test("check-validates-the-configuration-and-starts-nothing")
def check_only():
    with Site(daemon=False) as site:
        directory = f"--config-dir={site.config}"
        good = site.service_file("good", SLEEPER)
        equal(site.run_daemon_alone("--check", directory), (0, f"{good}: ok\n"), "a good configuration")
        bad = site.service_file("bad", "[Service]\nExec=/bin/true\nExecute=1\n")
        status, said = site.run_daemon_alone("--check", directory)
        equal(status, 1, "exit status")
        check(bad in said and "Execute" in said and f"{good}: ok" in said, said)
        equal(site.run_daemon_alone("--check", good), (0, f"{good}: ok\n"), "one file")
        equal(site.run_daemon_alone("--check", bad)[0], 1, "one bad file")
        equal(site.run_daemon_alone("--check", "--config-dir=/nowhere")[0], 1, "no directory")
        check(not os.path.exists(site.state) and owner(site) == 0, "it left something, or someone runs")


@test("check-notes-which-services-want-one-address", alike=True)
def check_shared():
    with Site(daemon=False) as site:
        directory = f"--config-dir={site.config}"
        one = site.service_file("one", f"{SLEEPER}Listen=http=tcp:127.0.0.1:18080\n")
        two = site.service_file("two", f"{SLEEPER}Listen=all=tcp::18080;free=tcp:127.0.0.1:0\n")
        three = site.service_file("three", f"{SLEEPER}Listen=http=tcp:127.0.0.1:18081;free=tcp:127.0.0.1:0\n")
        words = ("have one address, or one takes every address: only one of the two services can run at a time")
        of_one = f"{one}: note: listener 'http' and listener 'all' of service 'two' {words}\n"
        of_two = f"{two}: note: listener 'all' and listener 'http' of service 'one' {words}\n"
        equal(site.run_daemon_alone("--check", directory),
              (0, f"{one}: ok\n{of_one}{three}: ok\n{two}: ok\n{of_two}"), "all of them")
        # One that is to be added is compared with those that are there, and not with itself.
        equal(site.run_daemon_alone("--check", directory, two), (0, f"{two}: ok\n{of_two}"), "one of them")
        equal(site.run_daemon_alone("--check", directory, three), (0, f"{three}: ok\n"), "one that shares nothing")


@test("options-that-are-wrong-or-come-later-are-refused-by-name")
def options():
    with Site(daemon=False) as site:
        for words, expected in ((["--on-exit=maybe"], "'maybe'"),
                                (["--session", "--system"], "exclude each other"), (["--nonsense"], "--nonsense"),
                                (["--profile=nonsense"], "'nonsense'"), (["surplus"], "'surplus'")):
            status, said = site.run_daemon_alone(*words)
            equal(status, 2, f"exit status of {words}")
            check(expected in said, f"{words}:", said)
        equal(site.run_daemon_alone("--version")[1].split()[0], "hotreload", "version")
        # What there is, is in the manual page.
        with open(os.path.join(SOURCE, "data", "man", "hotreloadd.8"), encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        for option in re.findall(r"--[a-z][a-z-]+", site.run_daemon_alone("--help")[1]):
            check(option == "--help" or option in manual, f"{option} is not in the manual page")


if __name__ == "__main__":
    sys.exit(main())
