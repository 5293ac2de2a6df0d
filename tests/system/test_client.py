#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users of hrctl meet, with the real daemon."""

import os
import signal
import subprocess
import sys

from harness import BUILD, DEADLINE, Site, check, equal, is_alive, main, test, until
from services import Service, app


class Follower:
    """An hrctl that goes on until it is told to end; what it says goes to files."""

    def __init__(self, site, *words, name="follower", **options):
        self.out, self.err = site.path(name + ".out"), site.path(name + ".err")
        options.setdefault("env", site.environment)
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), *words], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL, **options)
        site.processes.append(self.process)

    def text(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def wait_out(self, words):
        until(lambda: words in self.text(self.out), f"'{words}' in {self.out}: {self.text(self.out)}")

    def wait_err(self, words):
        until(lambda: words in self.text(self.err), f"'{words}' in {self.err}")


def talking(version, early=""):
    return app(version, early=f"print('this is version {version}', flush=True)\n" + early)


@test("logs-are-of-the-instance-that-runs-also-after-a-failed-reload")
def logs():
    with Site() as site:
        service = Service(site, "talk", {"app.py": talking("1")})
        service.good(1)
        follower = Follower(site, "logs", "-f", "talk")
        follower.wait_out("this is version 1\n")
        mark = site.signals.mark()
        service.save(talking("2", "sys.exit(3)\n"))
        site.signals.wait("ReloadFailed", "talk", mark)
        shown = site.hrctl("logs", "talk")
        equal(shown.stdout, "this is version 1\n", "the log of what runs")
        check("log of release 1: " in shown.stderr, shown.stderr)
        equal(site.hrctl("logs", "talk", "--newest").stdout, "this is version 2\n", "the log of what failed")
        equal(site.hrctl("logs", "talk", "--release=2").stdout, "this is version 2\n", "the log of release 2")
        result = site.hrctl("logs", "talk", "--release=9")
        equal(result.returncode, 10, result.stderr)
        service.completed(service.save(talking("3")), 3)
        follower.wait_out("this is version 3\n")
        equal(follower.text(follower.out), "this is version 1\nthis is version 3\n", "what was followed")
        equal(site.json("logs", "talk")["release"], 3, "release")


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
        equal([service["name"] for service in site.status()["services"]], ["second"], "services")
        check(is_alive(other), "the second program runs on")
        second.process.terminate()
        equal(second.process.wait(DEADLINE), 0, "exit status")
        check(not is_alive(other), "the second program has ended")
        until(lambda: not owned(), "the daemon has ended")


if __name__ == "__main__":
    sys.exit(main())
