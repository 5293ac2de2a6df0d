#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Status at a glance: processes as a tree, what they use, and top in a terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from harness import BUILD, DEADLINE, Failure, Site, check, equal, main, test, until
from services import PYTHON, Service, app

# A worker with a child of its own, and one that leaves its parent and the session.
FAMILY = """import subprocess, threading
print("the first word", flush=True)
worker = subprocess.Popen(["/bin/sh", "-c", "sleep 1111 & sleep 2222; exit"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "3333"])
    os._exit(0)
os.wait()
print("the last word", flush=True)
"""


def tree_of(text):
    """The lines below "Processes:", without what stands before the tree."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("   Processes: "))
    last = next(i for i in range(first + 1, len(lines)) if not lines[i].startswith(" " * 14))
    return [line[14:] for line in lines[first:last]]


def processes(site, name):
    return site.json("status", name)["services"][0]["processes"]


@test("status: a service with children and a grandchild that left is shown as a tree, with what all of them use")
def tree():
    with Site() as site:
        service = Service(site, "family", {"app.py": app("1", early=FAMILY)}, Exec=f"{PYTHON} app.py")
        service.good(1)
        until(lambda: len(processes(site, "family")) == 5, "all five run")
        shown = site.hrctl("status", "family").stdout
        numbers = re.compile(r"\d+ ")
        equal([numbers.sub("N ", line, count=1) for line in tree_of(shown)],
              [f"N {PYTHON} app.py", "├─N /bin/sh -c sleep 1111 & sleep 2222; exit", "│ ├─N sleep 1111", "│ └─N sleep 2222",
               "└─N sleep 3333 (its parent has ended)"], "the tree")
        equal(int(tree_of(shown)[0].split()[0]), service.pid, "the first")
        check("the last word\n" in shown.split("\n\n")[-1], "the last lines of the log end it:", shown)
        check("the first word" not in site.hrctl("status", "family", "-n1").stdout, "-n1 shows one line")
        check("the last word" not in site.hrctl("status", "family", "-n0").stdout, "-n0 shows none")
        for title in ("Tasks", "Memory", "CPU"):
            check(f"{title}: " in shown, title, "is shown:", shown)
        # What all use together is more than what the main process does, and the list says the same.
        listed = processes(site, "family")
        used = site.json("status")["services"][0]["usage"]
        equal(used["processes"], 5, "processes")
        equal(used["tasks"], sum(process["threads"] for process in listed), "tasks")
        main_process = next(process for process in listed if process["pid"] == service.pid)
        check(used["memoryBytes"] > main_process["memoryBytes"] > 1 << 20, "memory of all", used, main_process)
        check(used["cpuUsec"] > 0, "some CPU time", used)
        equal([process["parent"] for process in listed if process["command"] == "sleep 3333"], [None], "the one that left")
        equal(site.hrctl("stop", "family").returncode, 0, "stop")
        equal(processes(site, "family"), [], "processes of a stopped service")
        equal(site.json("status")["services"][0]["usage"], None, "what a stopped service uses")


@test("status: of several instances each is a tree, and one that leaves is marked")
def several():
    with Site() as site:
        go = site.path("go")
        ending = f"while not os.path.exists({go!r}): select.select([], [], [], 0.01)\n"
        service = Service(site, "many", {"app.py": app("1", early="import select\n", ending=ending)}, Instances=2,
                          StopTimeout="60s")
        service.good(1)
        equal([line.split(" (")[1] for line in tree_of(site.hrctl("status", "many").stdout)],
              ["release 1, instance 1)", "release 1, instance 2)"], "what is said of each")
        mark = site.signals.mark()
        service.save(app("2"))
        site.signals.wait("ReloadCompleted", "many", mark)
        roles = until(lambda: (found := sorted((p["release"], p["role"]) for p in processes(site, "many")))
                      == [(1, "retiring")] * 2 + [(2, "serving")] * 2 and found, "two leave")
        check(roles, "roles")
        leaving = [line for line in tree_of(site.hrctl("status", "many").stdout) if "release 1, " in line]
        equal([line.rsplit(", ", 1)[1] for line in leaving], ["retiring)"] * 2, "marks")
        open(go, "w").close()
        until(lambda: len(processes(site, "many")) == 2, "the old ones have gone")


@test("status and releases: each of the last reloads with its release, a rollback as such, a fault by its name", alike=True)
def reloads():
    with Site() as site:
        service = Service(site, "web", groups={"PostCheck": {"RollbackAfter": "0"}})
        service.completed(service.save(app("2")), 2)
        service.failed(service.save("def broken(:\n"), "check")
        equal(site.hrctl("rollback", "web").returncode, 0, "rollback")
        shown = site.hrctl("status", "web").stdout
        for words in ("rolled back to release 1 in ", "release 3 failed in phase check", "release 2 went live in "):
            check(words in shown, words, "in", shown)
        rejected = next(line for line in site.hrctl("releases", "web").stdout.splitlines() if line.startswith("3 "))
        check("python3 rejects 'app.py'" in rejected and "SyntaxError: " in rejected, rejected)


@test("status: the daemon tells what it uses itself")
def figures():
    with Site() as site:
        Service(site, "one", {"app.py": app("1")}).good(1)
        daemon = site.json("status")["daemon"]
        equal(daemon["pid"], site.daemon.pid, "PID")
        # Some are open for a moment only.
        until(lambda: site.json("status")["daemon"]["descriptors"] == len(os.listdir(f"/proc/{site.daemon.pid}/fd")),
              "descriptors")
        equal(daemon["jobs"], 0, "jobs")
        check(daemon["watchedDirectories"] >= 1, "watched directories", daemon)
        check(1 << 20 < daemon["memoryBytes"] < 1 << 28, "memory", daemon)
        check(0 < daemon["uptimeUsec"] < 60_000_000, "uptime", daemon)
        check(f"Daemon {daemon['version']} (PID {daemon['pid']}) up for " in site.hrctl("status").stdout, "for people")


class Terminal:
    """hrctl in a terminal of its own."""

    def __init__(self, site, *words, rows=24):
        self.controller, self.terminal = pty.openpty()
        self.resize(rows)
        self.before = termios.tcgetattr(self.terminal)
        self.seen = ""
        self.process = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), "--session", *words],
                                        stdin=self.terminal, stdout=self.terminal, stderr=subprocess.PIPE,
                                        env=dict(site.environment, TERM="xterm"), start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 120, 0, 0))

    def press(self, keys):
        os.write(self.controller, keys.encode())

    def page(self, condition, what):
        """The next whole page for which it is true."""
        end = time.monotonic() + DEADLINE
        while True:
            *pages, self.seen = self.seen.split("\033[J")
            for page in pages:
                lines = re.sub(r"\033\[[?0-9;]*[a-zA-Z]", "", page).split("\r\n")
                if condition(lines):
                    return lines
            if not select.select([self.controller], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"was not shown: {what}; {self.seen!r}")
            self.seen += os.read(self.controller, 65536).decode()

    def ended(self, code):
        equal(self.process.wait(DEADLINE), code, "exit code")
        equal(termios.tcgetattr(self.terminal), self.before, "the terminal's settings")
        while select.select([self.controller], [], [], 0)[0]:
            self.seen += os.read(self.controller, 65536).decode()
        check(self.seen.endswith("\033[?7h\033[?25h\033[?1049l"), "the screen is given back:", repr(self.seen[-80:]))
        self.process.stderr.close()
        os.close(self.controller)
        os.close(self.terminal)


BUSY = """import threading
def spin():
    while True:
        pass
threading.Thread(target=spin, daemon=True).start()
"""


def column(lines, title):
    """What stands below a title, by the first word of the line."""
    at = lines[2].index(title)
    return {line.split()[0]: line[at:].split("  ")[0].strip() for line in lines[3:] if line.strip()}


@test("top: shows what services take, sorts by keys, follows the size, and gives the terminal back at any end")
def top():
    with Site() as site:
        for name, early in (("aaa", ""), ("busy", BUSY), ("ccc", "")):
            Service(site, name, {"app.py": app("1", early=early)}).good(1)
        terminal = Terminal(site, "top", "-d", "0.2")
        order = lambda lines: [line.split()[0] for line in lines[3:] if line.strip()]
        share = lambda lines: float(column(lines, "CPU%").get("busy", "0").replace(",", ".") or 0)
        terminal.page(lambda lines: "CPU%" in lines[2] and order(lines)[0] == "busy" and share(lines) > 5,
                      "the busy one first, with its share")
        terminal.press("n")
        terminal.page(lambda lines: order(lines) == ["aaa", "busy", "ccc"], "by name")
        terminal.press("n")
        terminal.page(lambda lines: order(lines) == ["ccc", "busy", "aaa"], "the other way round")
        terminal.resize(5)
        terminal.page(lambda lines: order(lines) == ["ccc", "busy"], "what fits into five rows")
        terminal.press("\033[B")
        terminal.page(lambda lines: order(lines) == ["busy", "aaa"], "scrolled")
        terminal.press("q")
        terminal.ended(0)
        for number, code in ((signal.SIGTERM, 0), (signal.SIGQUIT, -signal.SIGQUIT)):
            terminal = Terminal(site, "top")
            terminal.page(lambda lines: len(order(lines)) == 3, "all three")
            terminal.process.send_signal(number)
            terminal.ended(code)
        # Without a terminal, tables.
        tables = site.hrctl("top", "-d", "0.1", "-n", "2", "--sort=name").stdout.split("\n\n")
        equal(len(tables), 2, "tables")
        equal([line.split()[0] for line in tables[1].splitlines()], ["SERVICE", "aaa", "busy", "ccc"], "rows of the second")
        equal(site.hrctl("top", "--sort=size").returncode, 2, "a key that there is not")
        # While nothing is shown, nothing is done: it waits for the clock.
        terminal = Terminal(site, "top", "-d", "3600")
        terminal.page(lambda lines: len(order(lines)) == 3, "all three")
        stat = f"/proc/{terminal.process.pid}/stat"
        used = lambda: sum(int(field) for field in open(stat).read().rsplit(")", 1)[1].split()[11:13])
        before = used()
        select.select([], [], [], 0.5)
        check(used() - before <= 2, "processor time of top that waits:", before, used())
        terminal.press("\003")
        terminal.ended(0)


if __name__ == "__main__":
    sys.exit(main())
