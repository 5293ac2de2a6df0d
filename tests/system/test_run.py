#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hrctl run beside a bus on which no daemon runs: one after the other, and when its daemon is killed."""

import os
import re
import signal
import subprocess
import sys

from harness import BUILD, DEADLINE, Site, answers, check, equal, free_port, main, test, until, write

# More than the times that a daemon is met that is just ending.
QUICK_RUNS = 10

SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'VERSION')
    def log_message(self, *words):
        pass
http.server.HTTPServer(('127.0.0.1', PORT), Handler).serve_forever()
"""


def start(site, top, *words):
    with open(site.path("run.log"), "wb") as out:
        process = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), "run", *words], cwd=top, stdout=out,
                                   stderr=out, stdin=subprocess.DEVNULL, env=site.environment)
    site.processes.append(process)
    return process


def daemon_pid(site):
    result = subprocess.run(["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus",
                             "/org/freedesktop/DBus", "org.freedesktop.DBus.GetConnectionUnixProcessID",
                             "string:org.hotreload.Manager"], capture_output=True, text=True, check=True,
                            env=site.environment, timeout=DEADLINE)
    return int(result.stdout.split()[-1])


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


@test("a-killed-daemon-leaves-no-program-behind")
def killed():
    with Site(daemon=False) as site:
        port = free_port()
        text = SERVER.replace("PORT", str(port))
        top = site.source("svc", {"server.py": text.replace("VERSION", "one")})
        # Also where the profile watches no other service.
        site.environment["HOTRELOAD_PROFILE"] = "production"
        process = start(site, top, "--name=svc", "--", sys.executable, "server.py")
        until(lambda: answers(port, "one") or process.poll() is not None, "the server answers")
        until(lambda: "svc: release 1 is live" in said(site), "the first release is live")
        write(os.path.join(top, "server.py"), text.replace("VERSION", "two"))
        until(lambda: "svc: release 2 is live" in said(site), "the second release is live")
        site.drained("svc")
        os.kill(daemon_pid(site), signal.SIGKILL)
        equal(process.wait(DEADLINE), 1, "exit status")
        check(re.search(r"the daemon went away; \S+ \(PID \d+\) was stopped", said(site)), said(site))
        check(not answers(port, "two"), "it still answers")
        # The keeper waits for another daemon a while, which here does not come.
        for pid in site.keepers():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not site.keepers(), "the keeper has ended")


if __name__ == "__main__":
    sys.exit(main())
