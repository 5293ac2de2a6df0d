#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a release is judged by while it is watched: rates of its own metrics, of results, and a command."""

import re
import sys

from harness import Load, Site, check, equal, main, test, until
from services import RATES, Service, counting


@test("a-release-whose-error-rate-rises-is-rolled-back-under-load-and-a-good-one-stays")
def error_rate():
    with Site() as site:
        service = Service(site, "rates", {"app.py": counting("1")}, {"PostCheck": RATES})
        load = Load(service.port, 4)
        service.good(1)
        service.completed(service.save(counting("2", 50)), 2)
        service.good(2)
        mark = service.save(counting("3", 3))
        event = site.signals.wait("RolledBack", "rates", mark)
        equal(event["args"][1:3], [3, 2], "from and to")
        check(re.fullmatch(r"ErrorRate: 3\d(\.\d+)?% \(\d+ of \d+ requests\) is above 5%", event["args"][3]),
              "the reason has figures:", event["args"][3])
        site.drained("rates")
        equal(service.ask(), "2", "answer")
        equal(load.stop(), [], "failures")
        equal(set(load.bodies), {"1", "2", "3"}, "answers")
        entry = site.history("rates")[0]
        equal((entry["trigger"], entry["success"], entry["release"], entry["reason"]),
              ("rollback", True, 2, event["args"][3]), "the history")
        check(event["args"][3] in site.hrctl("history", "rates").stdout, "people see it")
        release = next(r for r in service.releases if r["number"] == 3)
        equal((release["fate"], release["error"]), ("rejected", event["args"][3]), "the release")
        # It does not come back by itself: what is saved next is another one.
        service.completed(service.save(counting("4")), 4)
        service.good(4)


@test("a-release-is-compared-with-the-one-before-with-Baseline=yes")
def baseline():
    with Site() as site:
        service = Service(site, "base", {"app.py": counting("1", 5)}, {"PostCheck": {**RATES, "Baseline": "yes"}})
        load = Load(service.port, 4)
        service.good(1)
        service.completed(service.save(counting("2", 5)), 2)
        service.good(2)
        mark = service.save(counting("3", 2))
        event = site.signals.wait("RolledBack", "base", mark)
        equal(event["args"][1:3], [3, 2], "from and to")
        check(re.fullmatch(r"ErrorRate: [45]\d(\.\d+)?% \(\d+ of \d+ requests\) is more than 5 points above the "
                           r"(19|20|21)(\.\d+)?% \(\d+ of \d+ requests\) of the release before", event["args"][3]),
              "the reason has the figures of both:", event["args"][3])
        equal(load.stop(), [], "failures")


@test("a-command-that-fails-rolls-back-and-says-what-it-said")
def command():
    with Site() as site:
        ask = "sh -c 'test -n \"$PORT\" && ! grep -q ILL app.py || { echo it is ill; exit 4; }'"
        service = Service(site, "asked", groups={"PostCheck": {"Command": ask, "RollbackAfter": "1s",
                                                               "Interval": "100ms", "Timeout": "10s"}})
        service.good(1)
        mark = service.save(service.evaluate("open('app.py').read()") + "# ILL\n")
        event = site.signals.wait("RolledBack", "asked", mark)
        check(re.fullmatch(r"Command failed (\d+) of \1 times; the last look: Command: exit code 4: it is ill",
                           event["args"][3]), "the reason:", event["args"][3])
        equal(service.shown["release"], 1, "release")


@test("metrics-that-cannot-be-read-any-more-roll-back-and-ones-that-never-could-only-warn")
def unreadable():
    with Site() as site:
        service = Service(site, "gone", {"app.py": counting("1")}, {"PostCheck": RATES})
        service.good(1)
        mark = service.save(counting("2").replace("/metrics", "/elsewhere"))
        event = site.signals.wait("RolledBack", "gone", mark)
        check("its metrics could not be read" in event["args"][3] and "neither JSON nor OpenMetrics" in event["args"][3],
              "the reason:", event["args"][3])
        other = Service(site, "never", {"app.py": counting("1").replace("/metrics", "/elsewhere")},
                        {"PostCheck": RATES})
        other.good(1)
        until(lambda: "the metrics of release 1 cannot be read: while reading 'http://127.0.0.1:%p/metrics#"
              in site.daemon_log(), "it is said")
        words = "post-check: the metrics of release 1 cannot be read, and decide nothing: while reading 'http"
        status = " ".join(site.hrctl("status", "never").stdout.split())
        check(words in status, "status says so:", status)
        result = site.hrctl("reload", "never")
        equal(result.returncode, 0, "exit code of the reload")
        check(words in " ".join(result.stdout.split()), "its result says so:", result.stdout)


@test("a-bad-value-is-explained-by-check")
def bad_values():
    with Site() as site:
        for keys, words in (("ErrorRate=5", "'5' is not a share from 0% to 100%: write it like 5% or 0.5%"),
                            ("ErrorRate=5%", "there is nothing that it is a rate of: name ErrorMetric"),
                            ("ErrorRate=5%\nErrorMetric=http://127.0.0.1:%p/metrics", "which number of the answer")):
            path = site.service_file("wrong", f"[Service]\nExec=true\nSource=/tmp\n[PostCheck]\n{keys}\n")
            result = site.hrctl("check", path)
            equal(result.returncode, 1, "exit code of check")
            check("key 'Error" in result.stdout + result.stderr and words in result.stdout + result.stderr,
                  "it says what would be right:", result.stdout, result.stderr)


if __name__ == "__main__":
    sys.exit(main())
