#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reload after reload under load: the short form of tests/stress/run-stress, which does the same a thousand times."""

import os
import random
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
# pylint: disable=wrong-import-position
from harness import Site, check, equal, main, test
from storm import LANGUAGES, Storm

RELOADS = 5
STEPS = 10
CANARY = f"[Canary]\nPercentage=10\nRampTo=50\nRampDuration=2s\nSteps={STEPS}\n"
# What is done with canaries is not a matter of the language: those whose servers differ most.
CANARY_LANGUAGES = ("c", "python")


def no_failures(figures):
    for who, figure in figures.items():
        equal(figure["unaccounted"], [], f"failures of {figure['ok']} requests over {who} connections")
        equal(figure["accounted"], 0, f"connections lost over {who} connections")


def abort(site, storm, step):
    """A good version as a canary, which is aborted at this step of its ramp."""
    before, mark = site.service(storm.name)["release"], site.signals.mark()
    storm.save()
    equal(site.hrctl("--no-wait", "reload", storm.name).returncode, 0, "reload")
    for _ in range(step):
        event = site.signals.wait("CanaryProgress|ReloadCompleted|ReloadFailed", storm.name, mark)
        equal(event["signal"], "CanaryProgress", f"before step {step}: {event['args']}")
        mark = site.signals.events.index(event) + 1
    equal(site.hrctl("abort", storm.name).returncode, 0, f"abort at step {step}")
    event = site.signals.wait("ReloadCompleted|ReloadFailed", storm.name, mark)
    equal((event["signal"], event["args"][2]), ("ReloadFailed", "canary"), f"end of the reload {event['args']}")
    equal(site.service(storm.name)["release"], before, "what runs")


for language in LANGUAGES:
    for sockets in ("adopt", "pass"):
        @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: in a row, {language}, {sockets}",
              alike=language != "python")
        def stateless(language=language, sockets=sockets):
            with Site() as site, Storm(site, language, sockets, connections=4) as storm:
                for _ in range(RELOADS):
                    storm.reload()
                no_failures(storm.end())

        @test(f"promise-4-no-accepted-work-is-lost: in a row, {language}, {sockets}", alike=language != "python")
        def with_state(language=language, sockets=sockets):
            with Site() as site, Storm(site, language, sockets, state=True, connections=4) as storm:
                for _ in range(RELOADS):
                    storm.reload()
                figures = storm.end()
                no_failures(figures)
                answered = sum(figure["ok"] for figure in figures.values())
                retried = sum(figure["retried"] for figure in figures.values())
                check(answered <= storm.count() <= answered + retried,
                      f"{storm.count()} counted of {answered} answered and {retried} sent again")

    for sockets in ("adopt", "pass") if language in CANARY_LANGUAGES else ():
        @test(f"promise-3-canaries-that-pass-and-that-are-aborted-lose-nothing, {language}, {sockets}",
              alike=language != "python")
        def canaries(language=language, sockets=sockets):
            seed = random.SystemRandom().randrange(2 ** 32)
            print(f"# seed {seed}")
            generator = random.Random(seed)
            with Site() as site, Storm(site, language, sockets, sections=CANARY, connections=4) as storm:
                # Early enough for a busy machine: what has passed cannot be aborted.
                abort(site, storm, generator.randint(1, STEPS // 2))
                storm.reload()
                abort(site, storm, generator.randint(1, STEPS // 2))
                no_failures(storm.end())

    @test(f"pain-01 pain-03: candidates that die at random moments, {language}", alike=language != "python")
    def crashes(language=language):
        seed = random.SystemRandom().randrange(2 ** 32)
        print(f"# seed {seed}")
        with Site() as site, Storm(site, language, "adopt", sections="[PostCheck]\nRollbackAfter=1s\n",
                                   connections=4) as storm:
            generator = random.Random(seed)
            for _ in range(RELOADS):
                storm.crash(generator)
            for who, figure in storm.end().items():
                equal(figure["unaccounted"], [], f"failures of {figure['ok']} requests over {who} connections")


if __name__ == "__main__":
    sys.exit(main())
