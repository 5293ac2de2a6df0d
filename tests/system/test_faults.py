#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon dies at random moments of reloads of each kind, under load: the short form of tests/stress/run-faults."""

import os
import random
import sys
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
# pylint: disable=wrong-import-position
from faults import KINDS, Fault
from harness import Site, main, test

DEATHS = 3

for name in KINDS:
    @test(f"promise-7-the-daemon-may-die: at random moments of reloads, {name}", alike=name != "state")
    def deaths(name=name):
        seed = random.SystemRandom().randrange(2 ** 32)
        print(f"# seed {seed}")
        generator = random.Random(seed)
        with Site() as site, Fault(site, name, "c") as fault:
            for _ in range(DEATHS):
                fault.begin()
                # Time is what is tried out here.
                time.sleep(generator.uniform(0, fault.longest))
                fault.crash()
                fault.recover()
            fault.check_store()


if __name__ == "__main__":
    sys.exit(main())
