# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every test says: where things are, what must be true, and until when."""

import os
import selectors
import time

# Slow machines, sanitizers: a deadline that passes is a failure, never a pause.
DEADLINE = float(os.environ.get("HOTRELOAD_TEST_DEADLINE", "30"))
BUILD = os.environ.get("HOTRELOAD_TEST_BUILD", os.path.abspath("build"))
SOURCE = os.environ.get("HOTRELOAD_TEST_SOURCE", os.path.abspath("."))
PYTHON = "/usr/bin/python3"
# The exit status of a program in which a sanitizer found something; none of ours has it otherwise.
FOUND = 99


class NotRunHere(Exception):
    """What the test needs is not to be had on this machine; the message says what."""


class Failure(AssertionError):
    pass


def check(condition, *words):
    if not condition:
        raise Failure(" ".join(str(word) for word in words) or "check failed")


def equal(actual, expected, what="value"):
    if actual != expected:
        raise Failure(f"{what}: expected {expected!r}, got {actual!r}")


def until(condition, what, deadline=None):
    """Looks again and again, with short pauses, until condition() is true; returns it. For what sends no event."""
    end = time.monotonic() + (deadline or DEADLINE)
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"did not happen within {deadline or DEADLINE} s: {what}")
        select_nothing(pause)
        pause = min(pause * 1.5, 0.05)


def select_nothing(seconds):
    selectors.DefaultSelector().select(seconds)
