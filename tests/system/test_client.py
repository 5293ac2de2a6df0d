#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users of hrctl meet, with the real daemon."""

import os
import signal
import subprocess
import sys
import time

import services
from harness import DEADLINE, Follower, Gate, Site, check, equal, is_alive, main, test, until, write


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


@test("a-broken-service-file-is-named-as-it-was-given")
def add_broken():
    with Site() as site:
        path = site.path("shop.conf")
        write(path, "# The shop\n[Service]\nExec=true\nSouce=.\n")
        for words in ((), ("--name=other",)):
            result = site.hrctl("add", *words, path)
            equal(result.returncode, 1, "exit status")
            check(result.stderr.startswith(f"hrctl: {path}:4: "), result.stderr)


@test("who-has-the-address-is-said-by-the-name-of-the-service")
def address_in_use():
    with Site() as site:
        holder = services.Service(site, "holder")
        path = site.path("other.conf")
        write(path, f"[Service]\nExec=/bin/sleep 1000\nListen=http=tcp:127.0.0.1:{holder.port}\n")
        result = site.hrctl("add", path)
        equal(result.returncode, 1, "exit status")
        equal(result.stdout, "other: added\n", "output")
        check(f"by service 'holder', process {holder.pid} (python3)" in result.stderr, result.stderr)
        check("other: it was not started\n" in result.stderr, result.stderr)
        check("hrctl logs" not in result.stderr, "nothing ran that could have said anything:", result.stderr)
        write(path, "[Service]\nExec=no-such-program\n")
        result = site.hrctl("add", "--name=nothing", path)
        check("cannot find program 'no-such-program'" in result.stderr, result.stderr)
        check("hrctl logs" not in result.stderr, "nor could this:", result.stderr)
        write(path, "[Service]\nExec=false\nReady=delay:5s\n")
        result = site.hrctl("add", "--name=something", path)
        check("'hrctl logs --newest something' shows what it said" in result.stderr, result.stderr)


@test("who-waits-is-told-for-which-job-and-how-to-end-it, and what is cancelled how to try it again", alike=True)
def waiting():
    with Site() as site:
        gate = Gate(site)
        service = services.Service(site, "busy")
        mark = service.save(services.app("2", late=services.at_gate(gate)))
        gate.arrived()
        job = site.signals.wait("ReloadStarted", "busy", mark)["args"][1]
        since = [site.service_property("busy", name) for name in ("SinceUsec", "StateSinceUsec")]
        check(0 < since[0] < since[1] <= time.time() * 1000000, "since when the release before runs, and this reload:", since)
        check("State: reloading since " in site.hrctl("status", "busy").stdout, "what people see")
        follower = Follower(site, "restart", "busy")
        follower.wait_err(f"busy: this waits for the end of a reload (job {job.rpartition('/')[2]}, phase ready); ")
        follower.wait_err("'hrctl rollback busy' cancels it and keeps what runs\n")
        equal(site.hrctl("rollback", "busy").returncode, 0, "exit status of the rollback")
        service.failed(mark, "ready")
        equal(follower.process.wait(DEADLINE), 1, "exit status of what waited")
        check("'hrctl restart busy' tries it again" in follower.text(follower.err), follower.text(follower.err))
        gate.close()
        equal(service.ask(), "1", "answer")


@test("check-looks-for-the-program")
def check_program():
    with Site(daemon=False) as site:
        top = site.source("shop", {"server": "#!/bin/sh\n"})
        path = site.path("shop.conf")

        def says(exec_line, words, keys=""):
            write(path, f"[Service]\nExec={exec_line}\nSource={top}\n{keys}")
            result = site.hrctl("check", path)
            equal(result.returncode, 0 if words == "ok" else 1, f"exit status of {result}")
            check(words in result.stdout + result.stderr, result)
        says("no-such-program x", "key 'Exec': 'no-such-program' is in no directory of PATH (")
        says("no-such-program x", "of PATH (/opt/nowhere)", "Environment=PATH=/opt/nowhere\n")
        says("sh -c true", "ok")
        says("./server", "is not executable")
        os.chmod(os.path.join(top, "server"), 0o755)
        for exec_line in ("./server", "%s/server", os.path.join(top, "server")):
            says(exec_line, "ok")
        says("./missing", f"'{top}/missing' does not exist")
        says("./missing", "ok", "[Check]\nBuild=make\n")
        # So it does for each of its other commands.
        for key in ("[Check]\nBuild=", "[Check]\nPreCheck=", "[Health]\nProbe=exec:", "[Health]\nProbe=tcp:127.0.0.1:1\nStartProbe=exec:",
                    "[PostCheck]\nCommand=", "[PostCheck]\nErrorRate=5%\nErrorMetric=exec:"):
            group, name = key[1:].split("]")[0], key.rpartition("\n")[2].partition("=")[0]
            says("./server", f"group '{group}': key '{name}': 'no-such-check' is in no directory of PATH (",
                 f"{key}no-such-check x\n")
            says("./server", f"group '{group}': key '{name}': '{top}/bin/check' does not exist", f"{key}./bin/check\n")
            says("./server", "ok", f"{key}./server\n")
            says("./server", "ok", f"{key}sh -c true\n")


if __name__ == "__main__":
    sys.exit(main())
