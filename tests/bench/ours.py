# SPDX-License-Identifier: LGPL-2.1-or-later
"""hotreloadd as what is measured, beside its peers."""

import os
import shutil

import harness


class Ours:
    """hotreloadd on a bus of its own, with the same server as the peers have."""

    def __init__(self, bench, sections="", count=1, state=False):
        self.bench = bench
        self.sections = sections
        self.count = count
        self.state = state
        self.directory = bench.new_directory()
        self.port = harness.free_port()

    def __enter__(self):
        self.site = harness.Site()
        for i in range(self.count):
            self.site.service_file(f"bench{i}", self.service_text(i))
        result = self.site.hrctl("daemon-reload", "--no-wait")
        harness.equal(result.returncode, 0, result.stderr)
        harness.until(lambda: all(s["state"] == "running" for s in self.site.status()["services"]),
                      "all services run", deadline=120)
        # Reading the signals costs processor time that belongs to what is measured.
        self.site.signals.stop()
        return self

    def __exit__(self, *error):
        self.site.__exit__(*error)
        shutil.rmtree(self.directory, ignore_errors=True)

    def service_text(self, number):
        port = self.port if number == 0 else 0
        # Where there are many, each has a source of its own.
        source = os.path.join(self.directory, "src" if number == 0 else f"src{number}")
        if number > 0:
            harness.write(os.path.join(source, "answer.txt"), "answer\n")
        state = " state" if self.state else ""
        return (f"[Service]\nExec={self.bench.server} {port} answer.txt{state}\nSource={source}\n"
                f"Listen=web=tcp:127.0.0.1:{port}\n{self.sections}")

    def good(self):
        """Waits until the newest release counts as good."""
        harness.until(lambda: self.site.releases("bench0")[0]["fate"] == "good", "the release becomes good")

    def rest(self):
        """Waits until nothing is under way and what was is forgotten: the daemon then gives back what it needed."""
        root = {"path": "/org/hotreload", "interface": "org.freedesktop.DBus.ObjectManager"}
        harness.until(lambda: not any("/job/" in path for path in self.site.call("GetManagedObjects", **root)[0]),
                      "no job is shown any more", deadline=180)

    def daemon_pids(self):
        return [self.site.daemon.pid]

    def restart_command(self, number=0):
        return [os.path.join(harness.BUILD, "client", "hrctl", "hrctl"), "reload", f"bench{number}"]

    @property
    def environment(self):
        return self.site.environment
