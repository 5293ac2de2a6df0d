#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients of the bus: services that go with them, and how many they may have."""

import os
import signal
import sys

from bus_client import BusClient
from harness import Site, check, equal, is_alive, main, test, until
from services import key_file

OF_USER_MAX = 128
SLEEPER = key_file({"Service": {"Exec": "sleep 600", "Ready": "delay:1ms"}})
BOUND = {"lifetime": "caller"}


def names(site):
    return sorted(service["name"] for service in site.status()["services"])


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
            equal(add(other, "mine")[0], None, "its name is free again")
            site.wait_state("mine", "running")
            equal(site.hrctl("stop", "mine").returncode, 0, "stop")
            until(lambda: "mine" not in names(site), "one that was stopped is gone")
            site.hrctl("remove", "theirs")
            equal(names(site), ["file", "plain"], "one that was removed is gone")

            # Nothing of it is remembered: who comes after a daemon that was killed ends what is left.
            equal(add(other, "mine")[0], None, "error")
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



if __name__ == "__main__":
    sys.exit(main())
