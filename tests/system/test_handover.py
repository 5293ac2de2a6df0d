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


def no_failures(figures):
    for who, figure in figures.items():
        equal(figure["unaccounted"], [], f"failures of {figure['ok']} requests over {who} connections")
        equal(figure["accounted"], 0, f"connections lost over {who} connections")


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
