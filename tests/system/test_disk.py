#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that fills in the middle of a reload: it fails with a message that names what is full and the remedy, the old
release serves, nothing that was stored is damaged, and once there is room again the next save works."""

import errno
import os
import shutil
import subprocess
import sys

from harness import Gate, NotRunHere, Site, check, equal, main, test, until, write
from services import Service, app, at_gate

KIB = 1 << 10
MIB = 1 << 20


class SmallDisk:
    """A daemon whose state directory is a small file system of its own, mounted where only the daemon sees it; the test
    reaches it through the daemon's root."""

    def __init__(self, site, size):
        self.site = site
        os.makedirs(site.state)
        # An ordinary user may mount in a user namespace, where there are such.
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-c", "-m", "--keep-caps"]
        script = f"mount -t tmpfs -o mode=700,size={size} tmpfs {site.state} && exec \"$@\""
        wrapper = [*unshare, "sh", "-c", script, "sh"]
        trial = subprocess.run([*wrapper, "true"], capture_output=True, text=True, check=False)
        if trial.returncode != 0:
            raise NotRunHere("no file system can be mounted: " + trial.stderr.strip())
        site.start_daemon(wrapper=wrapper)
        self.top = f"/proc/{site.daemon.pid}/root{site.state}"
        self.filler = os.path.join(self.top, "filler")

    def free(self):
        info = os.statvfs(self.top)
        return info.f_bavail * info.f_bsize

    def fill(self, leave=0):
        """Fills it, but for so many bytes."""
        fd = os.open(self.filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, max(self.free() - leave, 1))
            while leave == 0:
                os.write(fd, b"x")
        except OSError as error:
            equal(error.errno, errno.ENOSPC, "why no more can be written")
        finally:
            os.close(fd)
        check(self.free() <= leave, f"{self.free()} bytes are free")

    def clear(self):
        os.unlink(self.filler)

    def valid(self):
        """The store has every object whole."""
        git = shutil.which("git", path=self.site.environment["PATH"])
        if git is None:
            return
        # git makes of the path what only the daemon can see: a copy, then.
        copy = self.site.path("copy.git")
        shutil.copytree(os.path.join(self.top, "store.git"), copy)
        result = subprocess.run([git, "--git-dir", copy, "fsck", "--full", "--no-dangling"], capture_output=True,
                                text=True, check=False,
                                env={"PATH": self.site.environment["PATH"], "HOME": self.site.home})
        equal(result.returncode, 0, "git fsck " + result.stdout + result.stderr)
        shutil.rmtree(copy)


def full(site, event, phase, *words):
    """The failure names the phase, the state directory, that it is full, and what to do."""
    equal(event["args"][2], phase, f"phase of {event['args'][3]!r}")
    for word in (site.state, "space", "make room", *words):
        check(word in event["args"][3], f"no {word!r} in the message: {event['args'][3]}")
    equal(site.history(event["args"][0])[0]["phase"], phase, "phase in the history")


@test("disk-full-while-recording")
def record():
    with Site(daemon=False) as site:
        disk = SmallDisk(site, "8m")
        service = Service(site, "full")
        service.good(1)
        pid = service.pid
        for _ in range(2):
            disk.fill()
            mark = service.save(app("2") + "# padding that is kept whole " + os.urandom(8 * KIB).hex() + "\n")
            full(site, service.failed(mark), "record")
            equal((service.pid, service.ask()), (pid, "1"), "the old one")
            disk.clear()
            # What was not recorded is not forgotten: asked for by hand it is recorded now.
            equal(site.hrctl("reload", "full").returncode, 0, "the same content once there is room")
            release = service.completed(service.save(app("1")))["args"][2]
            # Nothing is written or removed any more by what went before.
            service.good(release)
            pid = service.pid
        disk.valid()


@test("disk-full-while-placing")
def place():
    with Site(daemon=False) as site:
        disk = SmallDisk(site, "16m")
        service = Service(site, "full", {"app.py": app(), "other.py": "X = 1\n"})
        service.good(1)
        pid = service.pid
        # Fits once, in the store, and not a second time, in the slot.
        disk.fill(leave=3 * MIB)
        noise = os.urandom(2 * MIB)
        site.call("Pause", "string:full")
        with open(service.path("noise"), "wb") as file:
            file.write(noise)
        mark = service.save(app("2"))
        site.call("Resume", "string:full")
        event = service.failed(mark, "place")
        full(site, event, "place")
        equal((service.pid, service.ask()), (pid, "1"), "the old one")
        disk.clear()
        disk.valid()
        service.completed(service.save(app("3")))
        equal(service.evaluate("len(open('noise', 'rb').read())"), str(len(noise)), "what the new one sees")
        equal(service.ask(), "3", "answer")
        disk.valid()


@test("disk-full-while-state-is-stored")
def snapshot():
    with Site(daemon=False) as site:
        disk = SmallDisk(site, "16m")
        large = "state['large'] = 'x' * (1 << 20)\n"
        service = Service(site, "full", {"app.py": app("1", keep=True, ending=large)})
        service.good(1)
        service.ask("/grow")
        # The program can write its state, the daemon cannot store it.
        disk.fill(leave=MIB + 512 * KIB)
        mark = service.save(app("2", keep=True))
        event = service.failed(mark, "preserve")
        full(site, event, "preserve")
        equal(service.ask(), "1", "the old release runs again")
        equal(service.ask("/count"), "1", "its state")
        disk.clear()
        service.ask("/grow")
        service.completed(service.save(app("3", keep=True)))
        equal((service.ask(), service.ask("/count")), ("3", "2"), "after the next reload")
        disk.valid()


@test("disk-full-while-it-is-written-down-what-happened")
def history():
    with Site(daemon=False) as site:
        gate = Gate(site)
        disk = SmallDisk(site, "8m")
        service = Service(site, "full")
        service.good(1)
        # A long list of files, so that the entry does not fit beside the others.
        site.call("Pause", "string:full")
        for number in range(90):
            write(service.path("n" * 100 + str(number)), "")
        mark = service.save(app("2", late=at_gate(gate)))
        site.call("Resume", "string:full")
        gate.arrived()
        disk.fill()
        gate.release()
        # It serves: what could not be written down is said, and undoes nothing.
        service.completed(mark, 2)
        equal(service.ask(), "2", "answer")
        log = until(lambda: all(name in site.daemon_log() for name in ("history.jsonl", "run-state/", "store.git"))
                    and site.daemon_log(), "it is said what could not be written")
        for line in log.splitlines():
            check("warning" not in line or ("space" in line and "make room" in line), "what is said:", line)
        disk.clear()
        equal(service.completed(service.save(app("3")), 3)["args"][4]["previousRelease"], 2, "previous release")
        equal([entry["release"] for entry in site.history("full")], [3, 2, 1], "nothing is missing in the history")
        service.good(3)
        disk.valid()
        equal(site.stop_daemon(), 0, "end of the daemon")


if __name__ == "__main__":
    sys.exit(main())
