# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process uses, and that it does not use more and more."""

import os

from basics import check


def used(pid):
    """Processor time in seconds and resident bytes of a process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def resident(pid):
    return used(pid)[1]


def peak(pid):
    """The most bytes that were ever resident at a time."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def check_growth(pid, before, after, most):
    """Of resident bytes. A sanitizer keeps what is freed, so with one they say nothing."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        if "san.so" in file.read():
            print(f"# with a sanitizer, {after - before} bytes more are not compared")
            return
    check(after - before <= most, f"it grew by {after - before} bytes from {before}, at most {most} expected")
