#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users of hrctl meet, with the real daemon."""

import os
import signal
import subprocess
import sys

from harness import DEADLINE, Follower, Site, check, equal, is_alive, main, test, until


PROGRAM = "import os, signal, sys\nprint('pid', os.getpid(), flush=True)\nwhile True: signal.pause()\n"


def runner(site, name, program=PROGRAM):
    """hrctl run of a program that says its PID, and that PID."""
    top = site.source(name, {"app.py": program})
    follower = Follower(site, "run", f"--name={name}", "--", "/usr/bin/python3", "app.py", name=name, cwd=top)
    follower.wait_out("pid ")
    return follower, int(follower.text(follower.out).split()[1])


@test("run-says-how-the-program-ended-and-waits-for-a-change")
def run_says_the_end():
    with Site() as site:
        follower, pid = runner(site, "ends")
        site.wait_state("ends", "running")
        os.kill(pid, signal.SIGKILL)
        follower.wait_err("waiting for a change")
        said = follower.text(follower.err)
        check("release 1: it was ended by signal 9 (Killed), after " in said, said)
        check("Restart=no" not in said, said)


@test("run-is-ended-by-TERM-and-HUP-as-by-Ctrl-C")
def run_signals():
    with Site() as site:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            follower, pid = runner(site, f"s{number}")
            follower.process.send_signal(number)
            equal(follower.process.wait(DEADLINE), 0, f"exit status after {number!r}")
            check(not is_alive(pid), "the program has ended")
            until(lambda: site.service(f"s{number}", missing=None) is None, "the service is gone")


@test("the-daemon-of-one-run-serves-another-until-the-last-has-ended")
def run_shares():
    with Site(daemon=False) as site:
        def owned():
            return "boolean true" in subprocess.run(
                ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                 "org.freedesktop.DBus.NameHasOwner", "string:org.hotreload.Manager"], text=True, capture_output=True,
                check=False, env=site.environment).stdout
        first, pid = runner(site, "first")
        check("no daemon was running: started one" in first.text(first.err), first.text(first.err))
        second, other = runner(site, "second")
        equal(second.text(second.err).count("started"), 0, second.text(second.err))
        # It need not say good-bye, either.
        first.process.kill()
        first.process.wait(DEADLINE)
        until(lambda: not is_alive(pid), "the first program has ended")
        until(lambda: [service["name"] for service in site.status()["services"]] == ["second"], "only the second is left")
        check(is_alive(other), "the second program runs on")
        second.process.terminate()
        equal(second.process.wait(DEADLINE), 0, "exit status")
        check(not is_alive(other), "the second program has ended")
        until(lambda: not owned(), "the daemon has ended")


if __name__ == "__main__":
    sys.exit(main())
