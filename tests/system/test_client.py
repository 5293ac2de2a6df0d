#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users of hrctl meet, with the real daemon."""

import os
import subprocess
import sys

from harness import BUILD, Site, check, equal, main, test, until
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


if __name__ == "__main__":
    sys.exit(main())
