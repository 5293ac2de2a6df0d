#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What services print: where it is kept, how much of it, and what hrctl logs shows of it."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from harness import BUILD, DEADLINE, Follower, NotRunHere, Site, check, equal, get, main, test, until
from services import PYTHON, Service, app
from usage import check_growth, used

HRCTL = os.path.join(BUILD, "client", "hrctl", "hrctl")
LINE = re.compile(r"([a-z-]+)\[r(\d+) ([0-9a-f]{8})\]: (.*)")


def talking(version, early=""):
    return app(version, early=f"print('this is version {version}', flush=True)\n" + early)


def lines(text):
    """(release, instance, text) of each line, all of which must say whose they are."""
    found = [LINE.fullmatch(line) for line in text.splitlines()]
    check(all(found), "every line says whose it is:", [line for line, hit in zip(text.splitlines(), found) if not hit][:5])
    return [(int(hit[2]), hit[3], hit[4]) for hit in found]


def logs_of(site, name):
    top = os.path.join(site.state, "logs")
    return [os.path.join(top, file) for file in os.listdir(top)
            if file.startswith(name + ".") and not os.path.islink(os.path.join(top, file))]


def disk_use(site, name):
    total = 0
    for path in logs_of(site, name):
        try:
            total += os.stat(path).st_blocks * 512
        except FileNotFoundError:
            pass
    return total


@test("logs: of every instance and release, also of one that failed, and each line says whose it is")
def told_apart():
    with Site() as site:
        service = Service(site, "talk", {"app.py": talking("1")})
        service.good(1)
        follower = Follower(site, "logs", "-f", "talk")
        follower.wait_out("this is version 1\n")
        mark = site.signals.mark()
        service.save(talking("2", "sys.exit(3)\n"))
        site.signals.wait("ReloadFailed", "talk", mark)
        shown = lines(site.hrctl("logs", "talk").stdout)
        equal([(release, text) for release, _, text in shown], [(1, "this is version 1"), (2, "this is version 2")], "logs")
        equal(lines(site.hrctl("logs", "talk", "--newest").stdout)[0][0], 2, "release of the newest")
        equal(site.hrctl("logs", "talk", "--release=1", "--plain").stdout, "this is version 1\n", "the log of release 1")
        result = site.hrctl("logs", "talk", "--release=9")
        equal(result.returncode, 10, result.stderr)
        service.completed(service.save(talking("3")), 3)
        follower.wait_out("this is version 3\n")
        equal([(release, text) for release, _, text in lines(follower.text(follower.out))],
              [(number, f"this is version {number}") for number in (1, 2, 3)], "what was followed")
        document = site.json("logs", "talk", "-n1")["lines"][0]
        equal((document["release"], document["text"]), (3, "this is version 3"), "the last line as JSON")
        equal(document["instance"][:8], lines(site.hrctl("logs", "talk", "-n1").stdout)[0][1], "its instance")
        # Nothing was written before, and everything since the test began.
        equal(site.hrctl("logs", "talk", "--since=now").stdout, "", "since now")
        equal(len(lines(site.hrctl("logs", "talk", "--since=10min").stdout)), 3, "lines since ten minutes")


@test("logs: passed on to the journal with fields, over a reload, and not where Journal=no says so", alike=True)
def journal():
    with tempfile.TemporaryDirectory() as top, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as entries:
        path = os.path.join(top, "socket")
        entries.bind(path)
        entries.settimeout(DEADLINE)
        with Site(environment={"HOTRELOAD_JOURNAL": path}) as site:
            silent = Service(site, "silent", {"app.py": talking("1")}, Journal="no")
            service = Service(site, "talk", {"app.py": talking("1")})
            service.good(1)
            service.completed(service.save(talking("2", "print('<4>a warning', flush=True)\n")), 2)
            silent.completed(silent.save(talking("2")), 2)
            said = []
            while len(said) < 3:
                said.append(dict(line.split("=", 1) for line in entries.recv(65536).decode().splitlines()))
            equal([(entry["HOTRELOAD_RELEASE"], entry["PRIORITY"], entry["MESSAGE"]) for entry in said],
                  [("1", "6", "this is version 1"), ("2", "6", "this is version 2"), ("2", "4", "a warning")], "entries")
            equal({(entry["HOTRELOAD_SERVICE"], entry["SYSLOG_IDENTIFIER"]) for entry in said}, {("talk", "talk")}, "of")
            equal(len({entry["HOTRELOAD_INSTANCE"] for entry in said}), 2, "instances")
            equal(len(lines(site.hrctl("logs", "talk").stdout)), 3, "lines in the logs all the same")


# Programs that know nothing of us, each as people write them.
PROGRAMS = {
    "node": ("/usr/bin/node app", "console.log('out', process.pid); console.error('err'); setInterval(() => {}, 1e6)\n"),
    "shell": ("/bin/sh app", "echo out $$\necho err >&2\nexec sleep 1000\n"),
    "python": (f"{PYTHON} app", "import os, sys, signal\nprint('out', os.getpid(), flush=True)\n"
                                "print('err', file=sys.stderr)\nsignal.pause()\n"),
}


@test("logs: of Node, shell and Python, standard output and standard error, over a restart")
def languages():
    with Site() as site:
        for name, (program, text) in PROGRAMS.items():
            if not os.path.exists(program.split()[0]) and name == "node":
                raise NotRunHere("there is no node")
            service = Service(site, name, {"app": text}, Exec=program, Listen=None, Ready="delay:1ms")
            until(lambda: len(lines(site.hrctl("logs", name).stdout)) == 2, f"both lines of '{name}'")
            first = service.pid
            equal(site.hrctl("restart", name).returncode, 0, "restart")
            until(lambda: len(lines(site.hrctl("logs", name).stdout)) == 4, f"all lines of '{name}'")
            shown = lines(site.hrctl("logs", name).stdout)
            equal([text for _, _, text in shown], [f"out {first}", "err", f"out {service.pid}", "err"], "logs")
            equal(len({instance for _, instance, _ in shown}), 2, "instances")
            # Who has read enough is no error.
            piped = subprocess.run(["sh", "-c", '"$0" logs "$1" -n 1000 | head -n 1', HRCTL, name], capture_output=True,
                                   text=True, env=site.environment, check=True, timeout=DEADLINE)
            equal(piped.stdout.splitlines()[0].split(": ")[1], f"out {first}", "the first line of a pipe")
            equal(piped.stderr, "", "errors")


CRASHING = """if [ -e %s ]; then echo crash $$; exit 3; fi
echo IMPORTANT: it ends when there is a file
exec sleep 1000
"""


@test("logs: a crash loop pushes out neither what was said before it nor the log of another release", alike=True)
def crash_loop():
    with Site() as site:
        flag = site.path("crash")
        service = Service(site, "looping", {"app": "echo the first release\nexec sleep 1000\n"}, Exec="/bin/sh app",
                          Listen=None, Ready="delay:1ms", RestartLimit=0, RestartDelay="5ms", RestartDelayMax="5ms",
                          LogMax="64K")
        service.good(1)
        service.completed(service.save(CRASHING % flag, "app"), 2)
        service.good(2)
        until(lambda: "IMPORTANT" in site.hrctl("logs", "looping").stdout, "it has said why")
        with open(flag, "w", encoding="utf-8"):
            pass
        os.kill(service.pid, signal.SIGKILL)
        until(lambda: sum(path.endswith(".log") for path in logs_of(site, "looping")) > 20, "many runs have crashed")
        equal(site.hrctl("stop", "looping").returncode, 0, "stop")
        shown = [text for _, _, text in lines(site.hrctl("logs", "looping", "-n", "1000").stdout)]
        equal(shown[:2], ["the first release", "IMPORTANT: it ends when there is a file"], "what was said before")
        check(all(text.startswith("crash ") for text in shown[2:]), "what was said then:", shown[2:])
        equal(site.hrctl("logs", "looping", "--release=1", "--plain").stdout, "the first release\n", "of release 1")


# Prints numbered lines in bursts, and at the end how many.
COUNTING = """import threading
def count():
    global n
    while not over.is_set() and n < 60000:
        os.write(1, b"".join(b"%d of the lines\\n" % i for i in range(n, n + 50)))
        n += 50
        over.wait(0.002)
n, over = 0, threading.Event()
thread = threading.Thread(target=count)
thread.start()
"""
ENDING = "over.set()\nthread.join()\nos.write(1, b'%d in all' % n)\n"


@test("logs: followed over rotation, reload, restart and several instances, no line is lost or comes twice")
def followed():
    with Site() as site:
        service = Service(site, "several", {"app.py": app("1", late=COUNTING, ending=ENDING)}, Instances=2, LogMax="256K")
        follower = Follower(site, "logs", "-f", "several", "-n", "1000000")
        until(lambda: disk_use(site, "several") > 400 << 10, "half of a rotation is written")
        service.completed(service.save(app("2", late=COUNTING, ending=ENDING)), 2, drained=False)
        until(lambda: max(os.stat(path).st_size for path in logs_of(site, "several")) > 1 << 20, "some rotations")
        equal(site.hrctl("restart", "several").returncode, 0, "restart")
        until(lambda: len(logs_of(site, "several")) >= 6, "all logs")
        equal(site.hrctl("stop", "several").returncode, 0, "stop")
        until(lambda: follower.text(follower.out).count(" in all\n") == 6, "the end of all six is followed")
        instances = {}
        for _, instance, text in lines(follower.text(follower.out)):
            instances.setdefault(instance, []).append(text)
        equal(len(instances), 6, "instances")
        for instance, said in instances.items():
            total = int(said[-1].split()[0])
            check(total > 0 and said[-1] == f"{total} in all", instance, "says how many:", said[-1])
            expected = [f"{i} of the lines" for i in range(total)]
            # What it said before it was followed may be gone already.
            equal(said[:-1], expected[total - len(said) + 1:], f"the lines of {instance}")
            check(len(said) > total // 2, "what was followed of", instance, len(said), total)
        check("left out" not in follower.text(follower.err), follower.text(follower.err))


FLOOD = """import threading
def flood():
    n = 0
    while n < 2000000:
        os.write(1, b"".join(b"%099d\\n" % i for i in range(n, n + 1000)))
        n += 1000
flooding = threading.Thread(target=flood, daemon=True)
"""


@test("pain 28: a service that floods its log: no more work or memory for the daemon, no more disk, and it serves on",
      alike=True)
def floods():
    with Site() as site:
        service = Service(site, "flood", {"app.py": app("1", late=FLOOD)}, LogMax="4M")
        service.good(1)
        before, began, most, asked = used(site.daemon.pid), time.monotonic(), 0, 0
        service.evaluate("flooding.start()")
        # Two hundred megabytes.
        while max((os.stat(path).st_size for path in logs_of(site, "flood")), default=0) < 200000000:
            most = max(most, disk_use(site, "flood"))
            equal(get(service.port)[1], "1", "the answer during the flood")
            asked += 1
            check(time.monotonic() - began < 60, "the flood is over in time")
        after, took = used(site.daemon.pid), time.monotonic() - began
        print(f"# {took:.1f} s, {asked} answers, {most >> 10} KiB of disk at most, "
              f"{after[0] - before[0]:.2f} s of processor time, {(after[1] - before[1]) >> 10} KiB of memory")
        check(after[0] - before[0] < 0.3 + took / 10, "processor time of the daemon:", before, after, took)
        check_growth(site.daemon.pid, before[1], after[1], 1 << 20)
        # The machine may be busy: in the midst of it the limit can be passed by what is written until the next look.
        check(most < 100 << 20, "disk in the midst of it:", most)
        until(lambda: disk_use(site, "flood") <= (8 << 20) + (128 << 10), "the bound is kept")
        shown = site.hrctl("logs", "flood", "--plain", "-n", "1000000").stdout.splitlines()
        equal([int(line) for line in shown], list(range(2000000 - len(shown), 2000000)), "what is kept is whole")
        check(len(shown) >= (4 << 20) // 100, "as much is kept as is promised:", len(shown))


@test("logs: the daemon is killed in a flood: no line is lost or comes twice, and the next one keeps the bound",
      alike=True)
def daemon_dies():
    with Site() as site:
        service = Service(site, "flood", {"app.py": app("1", late=COUNTING.replace("60000", "200000"), ending=ENDING)},
                          LogMax="256K")
        service.good(1)
        pid = service.pid
        follower = Follower(site, "logs", "-f", "flood", "--plain", "-n", "1000000")
        follower.wait_out(" of the lines\n")
        equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
        # Nobody cuts it now.
        until(lambda: disk_use(site, "flood") > 1 << 20, "it goes beyond its bound")
        site.start_daemon()
        equal(site.service("flood")["pid"], pid, "the process")
        until(lambda: disk_use(site, "flood") <= (512 << 10) + (128 << 10), "the bound is kept")
        equal(site.hrctl("stop", "flood").returncode, 0, "stop")
        until(lambda: " in all\n" in follower.text(follower.out), "the end is followed")
        said = follower.text(follower.out).splitlines()
        first, total = int(said[0].split()[0]), int(said[-1].split()[0])
        equal(said[:-1], [f"{i} of the lines" for i in range(first, total)], "what was followed")


if __name__ == "__main__":
    sys.exit(main())
