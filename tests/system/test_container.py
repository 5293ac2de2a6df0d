#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon as it is in a container: PID 1 of a PID namespace, with no control groups to write to."""

import os
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
# pylint: disable=wrong-import-position
from harness import DEADLINE, NotRunHere, Site, check, equal, main, test, until
from services import Service, app
from storm import Storm

# What an ordinary user may: in a user namespace, in which it stays the same user.
AS_USER = () if os.geteuid() == 0 else ("--user", "--map-current-user")
UNSHARE = ("unshare", *AS_USER, "--fork", "--pid", "--mount", "--mount-proc", "--ipc", "--uts", "--kill-child", "sh", "-ec",
           'mount -t tmpfs -o ro none /sys/fs/cgroup 2>/dev/null || true; exec "$0" "$@"')


class ContainerSite(Site):
    """A site whose daemon is PID 1 of its container; the bus and the clients are outside."""

    def start_daemon(self, **options):  # pylint: disable=arguments-differ
        result = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False, timeout=DEADLINE)
        if result.returncode != 0:
            raise NotRunHere("no PID namespace can be made: " + result.stderr.strip())
        super().start_daemon(wrapper=UNSHARE)

    def first(self):
        """The daemon's PID outside: the only child of who made the namespace."""
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children", encoding="ascii") as file:
            return int(file.read())

    def children(self):
        """Those of the daemon: {PID inside: state}."""
        first, found = self.first(), {}
        with open(f"/proc/{first}/task/{first}/children", encoding="ascii") as file:
            pids = file.read().split()
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            found[int(fields["NSpid"].split()[-1])] = fields["State"][0]
        return found

    def stop_daemon(self, signal_number=None):  # pylint: disable=arguments-renamed
        """As a container is stopped: its PID 1 gets SIGTERM."""
        if self.daemon is None:
            return None
        if self.daemon.poll() is None:
            os.kill(self.first(), 15)
        status = self.daemon.wait(DEADLINE)
        self.daemon = None
        return status


@test("in-a-container: the daemon is PID 1: services are started, reloaded under load, and started again")
def reloads():
    with ContainerSite() as site, Storm(site, "python", "adopt", connections=4) as storm:
        equal(site.status()["daemon"]["pid"], 1, "the daemon's PID")
        equal(site.status()["daemon"]["cgroup"], None, "the group of groups")
        for _ in range(3):
            storm.reload()
        storm.end()


@test("in-a-container: a crash is followed by a start, and SIGTERM to PID 1 ends all")
def crash():
    with ContainerSite() as site:
        service = Service(site, "web", Restart="always", RestartDelay="0")
        service.good(1)
        pid = service.pid
        equal(int(service.ask("/pid")), pid, "the PID in status is the one inside")
        mark = site.signals.mark()
        service.evaluate("os.kill(os.getpid(), 0) or __import__('threading').Timer(0.01, os._exit, (9,)).start()")
        site.wait_state("web", "running", mark)
        check(service.pid != pid, "it is another process")
        equal(site.stop_daemon(), 0, "how the daemon ended")


@test("in-a-container: orphans of services are reaped, and go with their service")
def orphans():
    with ContainerSite() as site:
        # One that ends at once, and one that stays: both with a parent that has ended.
        early = "if os.fork() == 0:\n    if os.fork() == 0:\n        os.setsid()\n        os._exit(0)\n    os._exit(0)\nos.wait()\n"
        stays = early.replace("os._exit(0)\n    os._exit", "os.execvp('sleep', ['sleep', '1000'])\n    os._exit")
        service = Service(site, "web", {"app.py": app(early=early + stays)})
        service.good(1)
        until(lambda: "Z" not in site.children().values(), "no child of PID 1 has ended and not been waited for")
        check(len(site.children()) >= 2, "the orphan that stays is a child of PID 1:", site.children())
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        # Nothing but the keeper, which is PID 1's own.
        until(lambda: len(site.children()) <= 1, f"the orphan has gone with its service: {site.children()}")


if __name__ == "__main__":
    sys.exit(main())
