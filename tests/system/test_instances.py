#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several instances of one release: rolled under load, killed, more and fewer of them, and none left behind."""

import os
import re
import signal
import subprocess
import sys
import threading

from harness import BUILD, DEADLINE, Load, NotRunHere, Site, check, equal, get, is_alive, main, test, until, write
from services import UNMODIFIED, Service, Unmodified, app

SECOND_ENDS = 'if os.environ["HOTRELOAD_INSTANCE_INDEX"] == "2":\n    sys.exit(3)\n'


class Count:
    """How many instances serve, as the service tells on D-Bus whenever that changes."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.seen, self.stopping = [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            self.seen.append(int(self.site.service_property(self.name, "Serving")))

    def least(self):
        self.stopping.set()
        self.thread.join()
        return min(self.seen)


def wait_serving(site, name, number, drained=True):
    """Waits until so many serve, and until nothing else of the service runs; returns their PIDs."""
    until(lambda: (lambda shown: shown["serving"] == number and len(shown["pids"]) == number)(site.service(name)),
          f"{number} instances of '{name}' serve")
    if drained:
        until(lambda: len({i for s, i in site.processes_of_services().values() if s == name}) == number,
              f"the old instances of '{name}' have ended")
    return site.service(name)["pids"]


for language in UNMODIFIED:
    @test(f"instances: an unmodified {language} server of three under load: ten reloads, nothing refused, never fewer",
          alike=True)
    def rolled(language=language):
        with Site() as site:
            if not os.path.exists(UNMODIFIED[language][0]):
                raise NotRunHere(f"there is no {language}")
            service = Unmodified(site, UNMODIFIED[language], "Instances=3\n")
            before = wait_serving(site, service.name, 3)
            load, count = Load(service.port, 10), Count(site, service.name)
            for number in range(2, 12):
                service.reload(str(number))
                equal(get(service.port)[1], str(number), "the answer after the reload")
                after = wait_serving(site, service.name, 3, drained=False)
                equal(set(before) & set(after), set(), "PIDs that are still there")
                before = after
            check(count.least() >= 3, "the fewest that served:", count.least())
            equal(load.stop(), [], f"failures of {load.count} requests")
            equal(set(load.bodies), {str(number) for number in range(1, 12)}, "answers")


@test("instances: each has an index of its own, and connections reach all of them", alike=True)
def indices():
    with Site() as site:
        service = Service(site, "several", Instances=3)
        wait_serving(site, "several", 3)
        # One at a time, until each has answered: who accepts is the kernel's choice.
        seen = set()
        until(lambda: seen.add(service.ask("/env/HOTRELOAD_INSTANCE_INDEX")) or len(seen) == 3, "all three answer")
        equal(seen, {"1", "2", "3"}, "indices")


@test("instances: the log is that of all of them, also of those that come", alike=True)
def logs():
    with Site() as site:
        early = 'print("I am", os.environ["HOTRELOAD_INSTANCE_INDEX"], VERSION, flush=True)'
        service = Service(site, "several", {"app.py": app(early=early)}, Instances=3)
        wait_serving(site, "several", 3)
        equal(sorted(site.hrctl("logs", "several").stdout.splitlines()), ["I am 1 1", "I am 2 1", "I am 3 1"], "logs")
        follow = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), "logs", "several", "-f"],
                                  env=site.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seen = {follow.stdout.readline().strip() for _ in range(3)}
        service.completed(service.save(app("2", early=early)), 2, drained=False)
        seen |= {follow.stdout.readline().strip() for _ in range(3)}
        follow.terminate()
        follow.communicate(timeout=DEADLINE)
        equal(seen, {f"I am {index} {version}" for index in (1, 2, 3) for version in (1, 2)}, "what was followed")


@test("instances: one that is killed under load is started again, and the others serve on")
def killed():
    with Site() as site:
        service = Unmodified(site, UNMODIFIED["python"],
                             "Instances=3\nRestartDelay=50ms\n[PostCheck]\nRollbackAfter=50ms\n")
        load = Load(service.port, 10)
        for victim in range(3):
            pids = wait_serving(site, service.name, 3)
            site.wait_good(service.name, 1)
            mark = site.signals.mark()
            os.kill(pids[victim], signal.SIGKILL)
            until(lambda: pids[victim] not in site.service(service.name)["pids"], "the killed one is gone")
            after = wait_serving(site, service.name, 3)
            equal(len(set(after) & set(pids)), 2, "the others are the same")
            equal(site.signals.seen("ServiceStateChanged", service.name, mark), [], "changes of state")
        failures = load.stop()
        # What it had accepted is lost with it, and nothing else.
        equal([why for _, why, *_ in failures if "Refused" in why], [], "refused")
        check(len(failures) <= 3 * 10, "more was lost than can have been accepted:", failures)
        equal(get(service.port)[1], "1", "answer")
        equal(site.service(service.name)["restarts"], 3, "restarts")


@test("instances: a version that is rejected by its second instance never takes the place of all three", alike=True)
def rejected():
    with Site() as site:
        service = Service(site, "several", Instances=3)
        before = wait_serving(site, "several", 3)
        service.good(1)
        load, count = Load(service.port, 5), Count(site, "several")
        event = service.failed(service.save(app("2", early=SECOND_ENDS)), "switch")
        check("instance 2 of release 2" in event["args"][3], "the reason names the instance:", event["args"][3])
        pids = wait_serving(site, "several", 3)
        check(count.least() >= 3, "the fewest that served:", count.least())
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(service.ask(), "1", "answer")
        check(before[0] in pids, "the one that led still does:", before, pids)
        service.completed(service.save(app("3")), drained=False)
        wait_serving(site, "several", 3)
        equal(service.ask(), "3", "answer")


@test("instances: more and fewer by the service file, under load", alike=True)
def resized():
    with Site() as site:
        service = Service(site, "several", Instances=3)
        wait_serving(site, "several", 3)
        load = Load(service.port, 5)
        for number in (5, 2, 1, 3):
            service.groups["Service"]["Instances"] = number
            service.write_file()
            result = site.hrctl("daemon-reload")
            equal(result.returncode, 0, "daemon-reload " + result.stderr)
            wait_serving(site, "several", number)
            shown = site.hrctl("status", "several").stdout
            equal(bool(re.search(rf"{number} of {number} serve", shown)), number > 1, shown)
        equal(load.stop(), [], f"failures of {load.count} requests")


@test("instances: a rollback within RollbackAfter rolls back all of them")
def rolled_back():
    with Site() as site:
        service = Service(site, "several", Instances=3, groups={"PostCheck": {"RollbackAfter": "2s"}})
        wait_serving(site, "several", 3)
        service.good(1)
        mark = service.save(app("2"))
        service.completed(mark, 2, drained=False)
        load = Load(service.port, 5)
        os.kill(site.service("several")["pids"][2], signal.SIGTERM)
        event = site.signals.wait("RolledBack", "several", mark)
        equal(event["args"][1:3], [2, 1], "releases")
        wait_serving(site, "several", 3)
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(service.ask(), "1", "answer")


@test("instances: case-17, stopping the service or the daemon leaves no orphan")
def stopped():
    with Site(arguments=["--on-exit=stop"]) as site:
        Service(site, "several", Instances=3)
        pids = wait_serving(site, "several", 3)
        equal(site.hrctl("stop", "several").returncode, 0, "stop")
        equal([pid for pid in pids if is_alive(pid)], [], "processes after the stop")
        equal(site.hrctl("start", "several").returncode, 0, "start")
        wait_serving(site, "several", 3)
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        until(lambda: not site.left_over(), "no process of a service is left", 2)


@test("instances: a daemon that was killed leaves none behind, and none twice")
def daemon_killed():
    with Site() as site:
        Service(site, "several", Instances=3)
        before = wait_serving(site, "several", 3)
        site.stop_daemon(signal.SIGKILL)
        equal([pid for pid in before if not is_alive(pid)], [], "they run on without the daemon")
        site.start_daemon()
        site.wait_state("several", "running")
        after = wait_serving(site, "several", 3)
        equal(set(before) & set(after), set(), "PIDs that are still there")


@test("instances: what contradicts several of them is an error of the service file", alike=True)
def contradictions():
    with Site() as site:
        for keys, words in (("Sockets=none", "each instance binds for itself"),
                            ("Handover=sequential", "must not run twice"),
                            ("[State]\nKeep=3", "none has the state of the service")):
            path = site.path("broken.conf")
            write(path, f"[Service]\nExec=true\nInstances=2\n{keys}\n")
            result = site.hrctl("check", path)
            equal(result.returncode, 1, "exit status of check")
            check(words in result.stdout + result.stderr, "reason:", result.stdout, result.stderr)


if __name__ == "__main__":
    sys.exit(main())
