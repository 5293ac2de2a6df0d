#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients of the bus: services that go with them, how many they may have, and what is left of them when they go."""

import contextlib
import os
import signal
import sys
import threading

from bus_client import NO_REPLY_EXPECTED, BusClient
from harness import Site, check, equal, is_alive, main, test, until
from services import Example, key_file
from usage import check_growth, descriptors, peak, resident

# The same while thousands of calls come faster than it answers: 1,024 may wait. All of them would be three times as much.
PEAK_MAX = 6 << 20
# What the daemon may grow by while thousands of its messages are not read: these alone are several times as much.
GROWTH_MAX = 512 << 10
OF_USER_MAX = 128
# A job that has ended can be read for a minute.
JOB_KEPT = 60
SLEEPER = key_file({"Service": {"Exec": "sleep 600", "Ready": "delay:1ms"}})
BOUND = {"lifetime": "caller"}


class FewMatches(Site):
    """A site whose bus lets a client have so many matches: one that keeps those of clients that are gone runs out."""

    bus_limits = '<limit name="max_match_rules_per_connection">80</limit>'


class Patient(Site):
    """A site whose bus lets a client wait for as many answers as that of a desktop does."""

    bus_limits = '<limit name="max_replies_per_connection">50000</limit>'


def names(site):
    return sorted(service["name"] for service in site.status()["services"])


def jobs(site):
    objects = site.call("GetManagedObjects", path="/org/hotreload", interface="org.freedesktop.DBus.ObjectManager")[0]
    return [path for path in objects if path.startswith("/org/hotreload/job/")]


def add(client, name):
    return client.call("AddServiceWithOptions", name, SLEEPER, BOUND)


@test("promise: a service that was added with the lifetime of its caller goes when that goes, and not before")
def lifetime():
    with Site() as site:
        text = key_file({"Service": {"Exec": "sh -c 'echo begins in $PWD; exec sleep 600'"}})
        with BusClient(site) as client, BusClient(site) as other:
            equal(client.call("AddServiceWithOptions", "mine", text, BOUND)[0], None, "error")
            equal(add(other, "theirs")[0], None, "error")
            equal(add(other, "mine")[0], "org.hotreload.Error.Busy", "error for a name that is taken")
            equal(client.call("AddServiceWithOptions", "file", SLEEPER, {"lifetime": "kept"})[0], None, "error")
            equal(client.call("AddServiceWithOptions", "plain", SLEEPER, {})[0], None, "error")
            for options in ({"lifetime": "long"}, {"life": "caller"}):
                equal(client.call("AddServiceWithOptions", "x", SLEEPER, options)[0],
                      "org.hotreload.Error.InvalidArgument", f"error for {options}")
            for name in ("file", "mine", "plain", "theirs"):
                site.wait_state(name, "running")
            equal(names(site), ["file", "mine", "plain", "theirs"], "services")
            equal(sorted(os.listdir(site.path("config", "services.d"))), ["file.conf", "plain.conf"], "files")
            # Its output is kept as that of any other: the caller has none of it.
            until(lambda: "begins in /" in site.hrctl("logs", "mine").stdout, "its log")
            pid = site.service("mine")["pid"]
            equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
            equal(site.hrctl("daemon-reexec").returncode, 0, "daemon-reexec")
            equal(site.service("mine")["pid"], pid, "PID after both")

            client.close()
            until(lambda: "mine" not in names(site) and not is_alive(pid), "it goes with its caller")
            equal(names(site), ["file", "plain", "theirs"], "what others have stays")
            # As soon as nothing of it is left, which the daemon sees a moment later.
            until(lambda: add(other, "mine")[0] is None, "its name is free again")
            site.wait_state("mine", "running")
            equal(site.hrctl("stop", "mine").returncode, 0, "stop")
            until(lambda: "mine" not in names(site), "one that was stopped is gone")
            site.hrctl("remove", "theirs")
            equal(names(site), ["file", "plain"], "one that was removed is gone")

            # Nothing of it is remembered: who comes after a daemon that was killed ends what is left.
            until(lambda: add(other, "mine")[0] is None, "its name is free again")
            site.wait_state("mine", "running")
            pid = site.service("mine")["pid"]
            site.stop_daemon(signal.SIGKILL)
            site.start_daemon()
            until(lambda: not is_alive(pid), "it ends with the next daemon")
            equal(names(site), ["file", "plain"], "services of the next daemon")


@test(f"limit: a user has at most {OF_USER_MAX} transient services", alike=True)
def limit():
    with Site() as site, BusClient(site) as client:
        for number in range(OF_USER_MAX):
            equal(add(client, f"n{number}")[0], None, f"error of service {number}")
        error, body = add(client, "more")
        equal(error, "org.hotreload.Error.LimitExceeded", "error")
        words = f"user {os.getuid()} has {OF_USER_MAX} transient services already, and a user may have {OF_USER_MAX}: stop one"
        check(words in body.decode(errors="replace"), "it says so:", body)
        run = site.hrctl("run", "--", "true", cwd=site.home)
        check(words in run.stderr and run.returncode == 1, "hrctl run says so:", run.stderr)
        site.hrctl("stop", "n7")
        until(lambda: add(client, "more")[0] is None, "there is room again")
        equal(client.call("AddService", "file", SLEEPER)[0], None, "one with a file is none of them")
        client.close()
        until(lambda: names(site) == ["file"], "all go with their caller")


@test("promise: a client that does not read makes the daemon not grow: neither its signals nor its answers", alike=True)
def never_reads():
    with Site() as site, BusClient(site) as deaf, BusClient(site) as reader, BusClient(site) as client:
        Example(site, "python", name="web")
        for subscriber in (deaf, reader):
            subscriber.ask_bus("AddMatch", "type='signal',interface='org.hotreload.Manager'")
        seen = []

        def read():
            # Until it is closed.
            with contextlib.suppress(OSError, ValueError, IndexError):
                while True:
                    seen.append(reader.receive())
        threading.Thread(target=read, daemon=True).start()

        def provoke(number):
            """Makes the daemon send so many signals, and to one who reads nothing as many answers."""
            before = len(seen)
            for _ in range(number):
                deaf.send("GetStatus")
                equal(client.call("ReloadConfiguration")[0], None, "error")
            until(lambda: len(seen) - before >= number, "who reads has them all")
        provoke(200)
        pid = site.daemon.pid
        before, open_before = resident(pid), descriptors(pid)
        provoke(2000)
        check_growth(pid, before, resident(pid), GROWTH_MAX)
        until(lambda: descriptors(pid) <= open_before, f"no more descriptors than before: {descriptors(pid)}, {open_before}")


@contextlib.contextmanager
def held(process):
    """The daemon does nothing, so that what is sent meanwhile is before it all at once, however fast the machine is."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@test("promise: calls that come faster than answers make the daemon not grow, and others are answered", alike=True)
def floods():
    with Patient(daemon=False) as site:
        # They are in each status, and cost nothing to start.
        for number in range(100):
            site.service_file(f"n{number}", "[Service]\nNonsense=1\n")
        site.start_daemon()
        pid = site.daemon.pid
        with BusClient(site) as client, BusClient(site) as flooder:
            for one in (client, flooder):
                equal(one.call("GetStatus")[0], None, "error")
            before = peak(pid)
            with held(site.daemon):
                for _ in range(400):
                    with BusClient(site) as gone:
                        for _ in range(20):
                            gone.send("GetStatus")
            # Its call is behind all of these, and may be one too many still.
            until(lambda: client.call("GetStatus")[0] is None, "another client is answered")
            equal(client.call("GetStatus")[0], None, "error of the next call")
            check_growth(pid, before, peak(pid), PEAK_MAX)

            before = peak(pid)
            with held(site.daemon):
                calls = [flooder.send("GetStatus") for _ in range(2000)]
            equal(client.call("GetStatus")[0], None, "error of another while one floods")
            errors = {}
            while calls[-1] not in errors:
                _, answers, error, _ = flooder.receive()
                errors[answers] = error
            check(set(errors.values()) <= {None, "org.hotreload.Error.LimitExceeded"}, "errors:", set(errors.values()))
            until(lambda: flooder.call("GetStatus")[0] is None, "it is answered again")
            check_growth(pid, before, peak(pid), PEAK_MAX)


def vanish(site, rounds, first):
    """Clients that ask for much and wait for little."""
    for number in range(first, first + rounds):
        with BusClient(site) as client:
            for method in ("Reload", "GetStatus", "ReloadAll"):
                client.send(method, *(["web"] if method == "Reload" else []), flags=NO_REPLY_EXPECTED * (number % 2))
            client.send("AddServiceWithOptions", f"n{number}", SLEEPER, BOUND)
            # Some have gone before the daemon hears of them, most while what they added starts.
            if number % 3:
                client.call("ListServices")


@test("promise: of clients that vanish nothing stays: no service, process, job, match or descriptor", alike=True)
def vanishing():
    with FewMatches() as site:
        web = Example(site, "python", name="web")

        def at_rest():
            status = site.status()
            return names(site) == ["web"] and status["daemon"]["jobs"] == 0 and len(site.left_over()) == 1
        vanish(site, 20, 0)
        until(at_rest, "the first have gone")
        before = descriptors(site.daemon.pid)
        vanish(site, 200, 20)
        until(at_rest, f"only what has a file is there: {names(site)} {site.left_over()}")
        # Fewer are as good: what the last reload of the first ones held may have been open still when they were counted.
        until(lambda: descriptors(site.daemon.pid) <= before, f"no more descriptors than before: {descriptors(site.daemon.pid)}, {before}")
        # The matches of those that are gone would be more than the bus lets the daemon have.
        with BusClient(site) as client:
            equal(add(client, "last")[0], None, "error")
            client.close()
            until(lambda: names(site) == ["web"], "the last one's end is still noticed")
        check(web.pid, "the service runs")
        until(lambda: not jobs(site), "the objects of jobs have gone", JOB_KEPT * 1.5)


if __name__ == "__main__":
    sys.exit(main())
