#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hrctl run beside a bus on which no daemon runs: one after the other, and when its daemon is killed."""

import os
import re
import signal
import socket
import subprocess
import sys

import services
from harness import BUILD, DEADLINE, Failure, Site, answers, check, equal, free_port, main, test, until, write

# More than the times that a daemon is met that is just ending.
QUICK_RUNS = 10

def start(site, top, *words, environment=None):
    with open(site.path("run.log"), "wb") as out:
        process = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), "run", *words], cwd=top, stdout=out,
                                   stderr=out, stdin=subprocess.DEVNULL, env=environment or site.environment)
    site.processes.append(process)
    return process


def child(process, name):
    """PID of the child of this name; where hrctl has started a daemon, this is it."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
        for pid in file.read().split():
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                if comm.read().strip() == name:
                    return int(pid)
    raise Failure(f"no child '{name}'")


def said(site):
    with open(site.path("run.log"), encoding="utf-8") as file:
        return file.read()


@test("quick-runs-one-after-the-other-never-meet-a-daemon-that-is-ending")
def quick():
    with Site(daemon=False) as site:
        top = site.source("job", {"job.py": "print('done')\n"})
        for _ in range(QUICK_RUNS):
            process = start(site, top, "--", sys.executable, "job.py")
            equal(process.wait(DEADLINE), 0, f"exit status of {said(site)}")
            check("done\n" in said(site) and "it ended after" in said(site), said(site))
            check("reload failed" not in said(site), said(site))


@test("a-program-that-is-not-there-ends-the-run")
def missing():
    with Site(daemon=False) as site:
        top = site.source("job", {"job.py": ""})
        process = start(site, top, "--", "no-such-program")
        equal(process.wait(DEADLINE), 1, "exit status")
        check("there is no program 'no-such-program'" in said(site), said(site))


@test("what-its-checks-refuse-ends-the-run: it says what to mend, leaves nothing, and runs without them", alike=True)
def refused():
    with Site() as site:
        # Nothing that the program needs.
        top = site.source("job", {"other.py": "broken(\n"})
        result = site.hrctl("run", "--name=job", "--", "true", cwd=top)
        equal(result.returncode, 1, "exit status " + result.stderr)
        for words in ("'other.py'", "line 1", "SyntaxError", "--no-validate"):
            check(words in result.stderr, words, "in", result.stderr)
        until(lambda: site.service("job", missing=None) is None, "the service is gone")
        result = site.hrctl("run", "--name=job", "--no-validate", "--", "true", cwd=top)
        equal(result.returncode, 0, "exit status " + result.stderr)
        until(lambda: site.service("job", missing=None) is None, "the service is gone")


def is_free(port):
    """Whether another program may have the address."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def environment_of(site, bus):
    """That of hrctl; without a bus it starts one of its own."""
    # Also where the profile watches no other service.
    words = {**site.environment, "HOTRELOAD_PROFILE": "production"}
    if not bus:
        del words["DBUS_SESSION_BUS_ADDRESS"], words["XDG_RUNTIME_DIR"]
    return words


for where in ("session", "private"):
    @test(f"a-killed-daemon-leaves-nothing-behind: also while an old instance finishes its work, {where} bus")
    def killed(where=where):
        with Site(daemon=False) as site:
            environment = environment_of(site, where == "session")
            port = free_port()
            text = services.EVENTS[2].replace("PORT", str(port))
            top = site.source("svc", {"server.py": text.replace("VERSION", "one")})
            words = ("--name=svc", "--", sys.executable, "server.py")
            process = start(site, top, *words, environment=environment)
            until(lambda: answers(port, "one") or process.poll() is not None, "the server answers")
            until(lambda: "svc: release 1 is live" in said(site), "the first release is live")
            stream = services.EventStream(port)
            write(os.path.join(top, "server.py"), text.replace("VERSION", "two"))
            until(lambda: "svc: release 2 is live" in said(site), "the second release is live")
            equal(stream.next(), "one", "what the old instance is busy with")
            os.kill(child(process, "hotreloadd"), signal.SIGKILL)
            equal(process.wait(DEADLINE), 1, "exit status")
            check(re.search(r"the daemon went away; \S+ \(PID \d+\) was stopped", said(site)), said(site))
            stream.ended()
            check(is_free(port), "something has the address:", said(site))
            # Nor is the next one in the way of anything.
            process = start(site, top, *words, environment=environment)
            until(lambda: answers(port, "two") or process.poll() is not None, "the next one answers")
            process.send_signal(signal.SIGINT)
            equal(process.wait(DEADLINE), 0, f"exit status of {said(site)}")
            until(lambda: is_free(port), "the address is free")


if __name__ == "__main__":
    sys.exit(main())
