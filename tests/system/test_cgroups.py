#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Control groups: what has left everything by which a process is known ends with its instance, nothing else does, and
limits hold for all processes together. Where no group can be made, or a controller is missing, that is said."""

import contextlib
import os
import signal
import subprocess
import sys

from harness import NotRunHere, Site, check, equal, is_alive, main, test, until
from services import Service, app

# Its grandchild has a session, an environment and a parent of its own.
LOSES = """import subprocess
subprocess.run(["setsid", "--fork", "env", "-i", "sleep", "7d"], check=True)
"""
HOG = "hog = [bytearray(1 << 20) for _ in range(200)]\n"
BOMB = """import time
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
"""


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read().strip()


def base(site):
    """The group in which each instance of the site's daemon has one."""
    daemon = site.status()["daemon"]
    if daemon["cgroup"] is None:
        raise NotRunHere(daemon["noCgroup"])
    return daemon["cgroup"]


def groups(site, name):
    """The groups of a service's instances."""
    top = base(site)
    return [os.path.join(top, group) for group in os.listdir(top) if group.startswith(name + ".")]


def members(site, name):
    found = []
    for group in groups(site, name):
        with contextlib.suppress(OSError):
            found += map(int, read(group, "cgroup.procs").split())
    return found


def lost(site, service):
    """The grandchild that only the group knows."""
    left = until(lambda: [pid for pid in members(site, service.name) if pid != service.pid], "the grandchild is there")
    until(lambda: b"7d" in cmdline(left[0]), "it sleeps")
    check(left[0] not in site.left_over(), "it is known by its environment, too")
    return left[0]


def cmdline(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    return b""


def parent(pid):
    return int(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])


def is_gone(pid):
    return not is_alive(pid)


@test("pain-10: a grandchild that left session, environment and parents ends with its instance")
def grandchild():
    with Site() as site:
        service = Service(site, "web", {"app.py": app(early=LOSES)})
        first = lost(site, service)
        tree = site.json("status", "web")["services"][0]
        check(first in [process["pid"] for process in tree["processes"]], "it is not in the tree:", tree["processes"])
        # The old instance's goes with the reload, and the new one has its own.
        service.completed(service.save(app("2", early=LOSES)), 2)
        until(lambda: is_gone(first), "the old instance's grandchild is gone")
        second = lost(site, service)
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        check(is_gone(second), "the grandchild is there after the stop")
        equal(groups(site, "web"), [], "groups after the stop")


@test("pain-10: also where the program does not stop in time")
def deaf():
    with Site() as site:
        service = Service(site, "web", {"app.py": app(early=LOSES, ending="while True: pass")}, StopTimeout="100ms")
        pid = lost(site, service)
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        check(is_gone(pid), "the grandchild is there after the stop")


@test("pain-10: without control groups such a grandchild is known by its output, and that of another service left alone")
def known_by_output():
    with Site(daemon=False, arguments=["--on-exit=stop"]) as site:
        site.start_daemon_without_groups()
        pids = {}
        for name in ("stopped", "ended"):
            said = site.path(name + ".pid")
            script = f"echo $$ >{said}.new; mv {said}.new {said}; exec sleep 7d"
            early = "import subprocess\n" \
                    f"subprocess.run(['setsid', '--fork', 'env', '-i', 'sh', '-c', {script!r}], check=True)\n"
            Service(site, name, {"app.py": app(early=early)})
            until(lambda said=said: os.path.exists(said), "the grandchild is there")
            pids[name] = int(read(said))
            until(lambda name=name: b"7d" in cmdline(pids[name]), "it sleeps")
            until(lambda name=name: parent(pids[name]) == site.daemon.pid, "it has lost its parents")
            check(pids[name] not in site.left_over(), "it is known by its environment, too")
        equal(site.hrctl("stop", "stopped").returncode, 0, "stop")
        check(is_gone(pids["stopped"]), "the grandchild is there after the stop")
        check(not is_gone(pids["ended"]), "that of another service ended with it")
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        check(is_gone(pids["ended"]), "the grandchild is there after the daemon")


@test("pain-11: nothing else is signalled: neither what runs beside the daemon nor what another daemon has")
def others():
    beside = subprocess.Popen(["sleep", "7d"], start_new_session=True)
    try:
        with Site() as site, Site() as other:
            service = Service(site, "web", {"app.py": app(early=LOSES)})
            stays = Service(other, "web", {"app.py": app(early=LOSES)})
            grandchild_of_other = lost(other, stays)
            running = stays.pid
            pid = lost(site, service)
            check(base(site) != base(other), "two daemons have one group")
            os.kill(service.pid, signal.SIGKILL)
            until(lambda: is_gone(pid), "the grandchild of what crashed is gone")
            equal(site.hrctl("stop", "web").returncode, 0, "stop")
            equal(beside.poll(), None, "what runs beside the daemon ended with")
            check(not is_gone(grandchild_of_other), "a process of another daemon ended")
            equal((stays.pid, stays.shown["restarts"]), (running, 0), "instance of another daemon")
    finally:
        beside.kill()
        beside.wait()


@test("promise-7-the-daemon-may-die: what was taken over ends with all that only its group knows")
def taken_over():
    with Site() as site:
        service = Service(site, "web", {"app.py": app(early=LOSES)})
        pid, running, where = lost(site, service), service.pid, groups(site, "web")
        site.stop_daemon(signal.SIGKILL)
        site.start_daemon()
        equal(service.pid, running, "the instance after the takeover")
        equal(groups(site, "web"), where, "its group")
        equal(lost(site, service), pid, "its grandchild")
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        check(is_gone(pid), "the grandchild is there after the stop")
        equal(groups(site, "web"), [], "groups after the stop")


@test("promise-7-the-daemon-may-die: what outlived its instance meanwhile is ended by the next daemon")
def swept():
    with Site() as site:
        service = Service(site, "web", {"app.py": app(early=LOSES)})
        pid, running, where = lost(site, service), service.pid, groups(site, "web")
        site.stop_daemon(signal.SIGKILL)
        os.kill(running, signal.SIGKILL)
        until(lambda: is_gone(running), "the main process is gone")
        check(not is_gone(pid), "the grandchild is gone already")
        site.start_daemon()
        site.wait_state("web", "running")
        until(lambda: is_gone(pid), "the next daemon has ended the grandchild")
        until(lambda: not os.path.exists(where[0]), "its group is gone")
        check(service.pid != running, "it is the same process")


# Limits


def switch(group, sign, controllers):
    """Hands controllers down from a group, or no more."""
    if controllers:
        with open(os.path.join(group, "cgroup.subtree_control"), "w", encoding="utf-8") as file:
            file.write(" ".join(sign + name for name in controllers))


@contextlib.contextmanager
def own_group(site, *controllers):
    """Starts the daemon in a group of its own, into which the controllers reach."""
    site.start_daemon()
    own = os.path.dirname(base(site))
    site.stop_daemon()
    missing = [name for name in controllers if name not in read(own, "cgroup.controllers").split()]
    if missing:
        raise NotRunHere(f"cgroup v2 has no controller {' '.join(missing)} in '{own}'")
    switched = [name for name in controllers if name not in read(own, "cgroup.subtree_control").split()]
    try:
        switch(own, "+", switched)
    except OSError as error:
        raise NotRunHere(f"'{own}' cannot be divided by the tests: {error.strerror}")
    group = os.path.join(own, f"hr-tests-{os.getpid()}")
    os.mkdir(group)
    try:
        site.start_daemon(wrapper=("sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$0" "$@"'))
        yield group
        site.stop_daemon()
        until(lambda: not site.keepers(), "the keeper has ended")
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(group, "supervisor"))
        with contextlib.suppress(OSError):
            os.rmdir(group)
        with contextlib.suppress(OSError):
            switch(own, "-", switched)


@test("a candidate that eats its memory limit is killed and says so, and the old one serves on")
def memory():
    with Site(daemon=False) as site, own_group(site, "memory") as own:
        service = Service(site, "web", MemoryMax="64M")
        equal(read(groups(site, "web")[0], "memory.max"), str(64 << 20), "memory.max")
        check(str(site.daemon.pid) in read(own, "supervisor", "cgroup.procs").split(), "the daemon is in no leaf")
        service.good(1)
        running = service.pid
        event = service.failed(service.save(app("2", early=HOG)))
        check("it was killed because it exceeded MemoryMax=64M" in event["args"][3], "reason:", event["args"])
        check("exceeded MemoryMax=64M" in site.history("web")[0]["error"], "history:", site.history("web")[0])
        equal((service.pid, service.ask(), service.shown["restarts"]), (running, "1", 0), "what serves")
        equal(service.last_release()["fate"], "rejected", "fate of the glutton")
        used = site.json("status", "web")["services"][0]["usage"]
        # Its memory is what the group counts, which grows and shrinks all the time.
        now = int(read(groups(site, "web")[0], "memory.current"))
        check(now / 4 < used["memoryBytes"] < now * 4, "memoryBytes:", used, now)
        service.completed(service.save(app("3")), 3)
        equal(service.ask(), "3", "what answers")


@test("what all processes of a service may be is bounded by TasksMax, and all of them end")
def tasks():
    with Site(daemon=False) as site, own_group(site, "pids"):
        service = Service(site, "web", {"app.py": app(early=BOMB)}, TasksMax="30")
        group = groups(site, "web")[0]
        until(lambda: read(group, "pids.current") == "30", "its limit is reached")
        equal(service.ask(), "1", "what answers")
        equal(len(members(site, "web")), 30, "processes")
        equal(site.json("status", "web")["services"][0]["usage"]["tasks"], 30, "tasks in status")
        bombs = members(site, "web")
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        equal([pid for pid in bombs if not is_gone(pid)], [], "processes after the stop")
        equal(groups(site, "web"), [], "groups after the stop")


@test("limits hold on over the daemon's end, and the next daemon's instances have them, too")
def limits_of_the_next():
    with Site(daemon=False) as site, own_group(site, "memory", "cpu", "pids") as own:
        service = Service(site, "web", MemoryMax="64M", CPUWeight="50", TasksMax="20")
        where, running = groups(site, "web"), service.pid
        limits = {"memory.max": str(64 << 20), "cpu.weight": "50", "pids.max": "20"}
        site.stop_daemon(signal.SIGKILL)
        # As a manager starts it that knows of the leaf.
        site.start_daemon(wrapper=("sh", "-c", f'echo $$ >{own}/supervisor/cgroup.procs; exec "$0" "$@"'))
        equal((service.pid, groups(site, "web")), (running, where), "the instance after the takeover")
        equal({name: read(where[0], name) for name in limits}, limits, "limits after the takeover")
        # As one that does not: systemd before 254, with what the unit has it run beside.
        site.stop_daemon(signal.SIGKILL)
        control = os.path.join(own, ".control")
        os.mkdir(control)
        release = os.path.join(site.environment["HOTRELOAD_LIBEXECDIR"], "hotreload-exec")
        subprocess.run(["sh", "-c", f"echo $$ >{control}/cgroup.procs; exec {release} --release-cgroup"], check=True)
        os.rmdir(control)
        check(not os.path.exists(os.path.join(where[0], "memory.max")), "the controllers are still there")
        site.start_daemon(wrapper=("sh", "-ec", f'echo $$ >{own}/cgroup.procs; exec "$0" "$@"'))
        equal((service.pid, groups(site, "web")), (running, where), "the instance after the second takeover")
        equal({name: read(where[0], name) for name in limits}, limits, "limits after the second takeover")
        service.good(1)
        service.completed(service.save(app("2")), 2)
        equal({name: read(groups(site, "web")[0], name) for name in limits}, limits, "limits of the next instance")


@test("a limit whose controller is missing is no start, and the reason says what is missing where")
def refused():
    with Site() as site:
        group = site.status()["daemon"]["cgroup"]
        if group is not None and "memory" in read(os.path.dirname(group), "cgroup.controllers").split():
            raise NotRunHere(f"'{os.path.dirname(group)}' has the controller")
        service = Service(site, "web", start=False, MemoryMax="64M")
        site.add("web", read(site.config, "services.d", "web.conf"), wait="failed")
        error = service.shown["error"]
        check("MemoryMax=64M cannot be had here: " in error, "error:", error)
        if group is not None:
            check("the controller 'memory' of cgroup v2 is missing in '/" in error, "error:", error)
        shown = service.shown
        check("RestartLimit" not in error and shown["restarts"] == 0, "tried once:", shown)
        reload = site.hrctl("reload", "web")
        equal((reload.returncode, reload.stderr.count("while starting")), (1, 1), "reload " + reload.stderr)
        plan = site.hrctl("plan", "web")
        check("MemoryMax=64M cannot be had here" in plan.stdout, "plan:", plan.stdout, plan.stderr)


if __name__ == "__main__":
    sys.exit(main())
