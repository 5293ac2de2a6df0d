#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that not even SIGKILL ends, because they wait in the kernel for a file system that does not answer."""

import ctypes
import errno
import os
import re
import select
import struct
import sys
import threading

from harness import NotRunHere, Site, check, equal, is_alive, main, test, until
from services import Service, app

MNT_DETACH = 2
REQUEST = struct.Struct("=IIQ")
FUSE_INIT = 26


class Hang:
    """A file system that takes every request and answers none: whoever asks waits in state D until it is gone."""

    def __init__(self, site):
        self.path = site.path("hang")
        os.mkdir(self.path)
        self.libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise NotRunHere(f"/dev/fuse: {error.strerror}") from error
        options = f"fd={self.fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
        if self.libc.mount(b"hang", self.path.encode(), b"fuse", 0, options.encode()) != 0:
            os.close(self.fd)
            raise NotRunHere(f"mounting a FUSE file system: {os.strerror(ctypes.get_errno())}")
        self.wake = os.pipe()
        self.thread = threading.Thread(target=self.take)
        self.thread.start()

    def take(self):
        poll = select.poll()
        for fd in (self.fd, self.wake[0]):
            poll.register(fd, select.POLLIN)
        while self.wake[0] not in [fd for fd, _ in poll.poll()]:
            try:
                request = os.read(self.fd, 1 << 20)
            except OSError as error:
                # Whoever asked was killed before it was taken.
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue
                raise
            _, kind, unique = REQUEST.unpack_from(request)
            if kind != FUSE_INIT:
                continue
            _, minor, ahead = struct.unpack_from("=III", request, 40)
            answer = struct.pack("=IIIIHHIIHHI", 7, min(minor, 31), ahead, 0, 12, 10, 65536, 1, 0, 0, 0) + bytes(28)
            os.write(self.fd, struct.pack("=IiQ", 16 + len(answer), 0, unique) + answer)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    def end(self):
        """Whoever waits is told that nobody answers, and ends."""
        if not self.thread.is_alive():
            return
        os.write(self.wake[1], b"x")
        self.thread.join()
        for fd in (self.fd, *self.wake):
            os.close(fd)
        self.libc.umount2(self.path.encode(), MNT_DETACH)


def named_pid(text):
    """The PID that a message is about, which must be in state D."""
    found = re.search(r"PID (\d+) does not end, although it was killed 5 s ago: it is in state D", text)
    check(found is not None, "the message:", text)
    return int(found.group(1))


@test("pain-07-a-candidate-that-not-even-SIGKILL-ends-is-named-and-holds-nothing-up")
def candidate():
    with Site() as site, Hang(site) as hang:
        service = Service(site, "stuck", StartTimeout="1s", StopTimeout="1s")
        old = service.pid
        event = service.failed(service.save(app("2", early=f"os.stat({hang.path + '/x'!r})")), "ready")
        pid = named_pid(event["args"][3])
        check("did not become ready" in event["args"][3], "the reason:", event["args"][3])
        check(pid != old and is_alive(pid), "it is there still")
        equal((service.pid, service.ask()), (old, "1"), "who answers")
        equal(named_pid(service.shown["error"]), pid, "the PID in the status")
        service.completed(service.save(app("3")), 3, drained=False)
        equal(service.ask(), "3", "the answer")
        check(is_alive(pid), "it is there still")
        hang.end()
        until(lambda: not is_alive(pid), "it ends when it is answered")
        until(lambda: f"PID {pid}, which did not end when it was killed, has ended" in site.daemon_log(), "that is told")


@test("pain-07-an-old-instance-that-not-even-SIGKILL-ends-fails-the-stop-and-is-started-beside")
def stopped():
    with Site() as site, Hang(site) as hang:
        service = Service(site, "stuck", {"app.py": app(ending=f"os.stat({hang.path + '/x'!r})")}, StopTimeout="1s")
        result = site.hrctl("stop", "stuck")
        equal(result.returncode, 1, "exit status of the stop")
        pid = named_pid(result.stderr + result.stdout)
        equal(service.shown["state"], "stopped", "the state")
        check(is_alive(pid), "it is there still")
        equal(site.hrctl("start", "stuck").returncode, 0, "exit status of the start")
        equal(service.ask(), "1", "the answer")
        # After a switch it is no more than a word in the status.
        service.completed(service.save(app("2")), 2, drained=False)
        until(lambda: service.shown["error"], "its end is not waited for")
        second = named_pid(service.shown["error"])
        check(second != pid and is_alive(second), "another")
        equal(service.ask(), "2", "the answer")
        hang.end()
        until(lambda: service.shown["error"] is None, "the status is clean when it has ended")
        check(not is_alive(pid) and not is_alive(second), "both have ended")


if __name__ == "__main__":
    sys.exit(main())
