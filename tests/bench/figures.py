# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel tells of processes: their memory, how often they wake up, and their processor time."""

import contextlib
import os
import re
import time

import harness

# How long processes are watched that have nothing to do.
IDLE_SECONDS = 10


def milliseconds(values):
    return [value * 1000 for value in values]


def memory_of(pids):
    """RSS and PSS of some processes, in MB."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            for name, kilobytes in re.findall(r"^(Rss|Pss): +(\d+) kB", file.read(), re.MULTILINE):
                sums[name] += int(kilobytes)
    return sums["Rss"] / 1024, sums["Pss"] / 1024


def wake_ups(pids):
    """How often each thread of some processes has waited and gone on, since it began."""
    counts = {}
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                    switches = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.MULTILINE)
                    counts[thread] = int(switches.group(1))
    return counts


def settled_threads(pids):
    """Waits until the number of threads stays the same for a while: idle workers end some seconds after their work."""
    last, since = len(wake_ups(pids)), time.monotonic()
    end = since + harness.DEADLINE
    while time.monotonic() < min(since + 2, end):
        time.sleep(0.2)
        now = len(wake_ups(pids))
        if now != last:
            last, since = now, time.monotonic()


def processor_time(pids):
    """The processor time that the threads of some processes have used, in seconds: by the kernel's finest account."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as file:
                    total += int(file.read().split()[0])
    return total / 1e9


def when_idle(pids):
    """Watches processes that have nothing to do; returns how often they wake up per second, and the milliseconds of
    processor time that they take per second."""
    settled_threads(pids)
    before, busy = wake_ups(pids), processor_time(pids)
    time.sleep(IDLE_SECONDS)
    after, busy = wake_ups(pids), processor_time(pids) - busy
    total = sum(number - before.get(thread, 0) for thread, number in after.items())
    return total / IDLE_SECONDS, busy * 1000 / IDLE_SECONDS
