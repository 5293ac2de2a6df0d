#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several instances of one release: rolled under load, killed, more and fewer of them, and none left behind."""

import os
import re
import signal
import subprocess
import sys
import threading

from harness import BUILD, DEADLINE, Gate, Load, NotRunHere, Site, check, equal, get, is_alive, main, test, until, write
from services import UNMODIFIED, Service, Unmodified, app

SECOND_ENDS = 'if os.environ["HOTRELOAD_INSTANCE_INDEX"] == "2":\n    sys.exit(3)\n'


# With a health page, and ready when it says so. What the version is like is in its name: it is "ill", or its third instance is "broken", or
# is "slow": waits at a gate.
PROBED = ("/usr/bin/python3", "app.py", '''import http.server, os, socket, time
INDEX = os.environ["HOTRELOAD_INSTANCE_INDEX"]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = "VERSION-%s-%d" % (INDEX, os.getpid())
        time.sleep(0 if self.path == "/health" else 0.01)
        self.send_response(500 if self.path == "/health" and "ill" in "VERSION" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *words):
        pass
if INDEX == "3" and "broken" in "VERSION":
    raise SystemExit(3)
if INDEX == "3" and "slow" in "VERSION":
    open("GATE").read()
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
server.serve_forever()
''')
HEALTH = "Instances=3\nReady=notify\n[Health]\nProbe=http://127.0.0.1:PORT/health\nFailures=1\nTimeout=20s\n"


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


class Probed(Unmodified):
    """Three instances of PROBED."""

    def __init__(self, site):
        self.gate = Gate(site)
        super().__init__(site, (*PROBED[:2], PROBED[2].replace("GATE", self.gate.path)), HEALTH)
        wait_serving(site, self.name, 3)

    def answered(self, version, indices=("1", "2", "3")):
        """Waits until these instances of the version have answered; returns their PIDs by index."""
        found = {}

        def ask():
            release, index, pid = get(self.port)[1].split("-")
            if release == version:
                found[index] = int(pid)
            return set(found) >= set(indices)
        until(ask, f"the instances of {version} answer")
        return found

    def rejected(self, version, phase):
        """Saves it, and waits until it has failed in that phase."""
        mark = self.site.signals.mark()
        self.save(version)
        event = self.site.signals.wait("ReloadCompleted|ReloadFailed", self.name, mark)
        equal((event["signal"], event["args"][2]), ("ReloadFailed", phase), f"end of the reload {event['args']}")


def versions(load):
    return {body.split("-")[0] for body in load.bodies}


@test("promise-2-a-bad-version-never-hurts-the-good-one: of three instances none answers the probe for a new one")
def ill():
    with Site() as site:
        service = Probed(site)
        pids = service.answered("1")
        load, count = Load(service.port, 10), Count(site, service.name)
        for number in range(2, 8):
            service.rejected(f"ill{number}", "verify")
        equal(service.answered("1"), pids, "the instances that serve")
        check(count.least() >= 3, "the fewest that served:", count.least())
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(versions(load), {"1"}, "who answered")


@test("promise-3-no-connection-is-refused-or-dropped-by-a-reload: three instances that are probed, each gets connections",
      alike=True)
def probed():
    with Site() as site:
        service = Probed(site)
        load, count = Load(service.port, 10), Count(site, service.name)
        for number in range(2, 6):
            service.reload(str(number))
            equal(get(service.port)[1].split("-")[0], str(number), "the answer after the reload")
            service.answered(str(number))
        check(count.least() >= 3, "the fewest that served:", count.least())
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(versions(load), set("12345"), "who answered")


@test("instances: a roll of probed ones that goes back loses nothing, and what was in the queue of a killed one is served",
      alike=True)
def unrolled():
    with Site() as site:
        service = Probed(site)
        load, count = Load(service.port, 10), Count(site, service.name)
        service.rejected("broken2", "switch")
        wait_serving(site, service.name, 3)
        check(count.least() >= 3, "the fewest that served:", count.least())
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(versions(load), {"1", "broken2"}, "who answered")
        load, mark = Load(service.port, 10), service.save("slow3")
        service.gate.arrived()
        os.kill(service.answered("slow3", ("1", "2"))["1"], signal.SIGKILL)
        event = site.signals.wait("ReloadFailed", service.name, mark)
        equal(event["args"][2], "switch", f"phase of {event['args']}")
        service.gate.close()
        service.answered("1")
        failures = load.stop()
        # What it had accepted is lost with it, and nothing else.
        equal([why for _, why, *_ in failures if "Refused" in why or "timed out" in why], [], "refused, or left waiting")
        check(len(failures) <= 10, "more was lost than can have been accepted:", failures)


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
        equal(sorted(site.hrctl("logs", "several", "--plain").stdout.splitlines()),
              ["I am 1 1", "I am 2 1", "I am 3 1"], "logs")
        follow = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), "logs", "several", "-f", "--plain"],
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


@test("promise-7-the-daemon-may-die: several instances run on, and no request is lost")
def daemon_killed():
    with Site() as site:
        service = Service(site, "several", Instances=3)
        before = wait_serving(site, "several", 3)
        load = Load(service.port, 4)
        site.stop_daemon(signal.SIGKILL)
        equal([pid for pid in before if not is_alive(pid)], [], "they run on without the daemon")
        site.start_daemon()
        equal(wait_serving(site, "several", 3), before, "the same processes, in their order")
        seen = set()
        until(lambda: seen.add(service.ask("/env/HOTRELOAD_INSTANCE_INDEX")) or len(seen) == 3, "all three answer")
        equal(seen, {"1", "2", "3"}, "indices")

        # One that ends without a daemon is started again, whichever it was: also the one that led.
        for gone in (0, 2):
            before = wait_serving(site, "several", 3)
            site.stop_daemon(signal.SIGKILL)
            os.kill(before[gone], signal.SIGKILL)
            until(lambda pid=before[gone]: not is_alive(pid), "it has ended")
            site.start_daemon()
            after = wait_serving(site, "several", 3)
            equal(set(before) - set(after), {before[gone]}, "processes that are no more")

        mark = service.save(app("2"))
        site.signals.wait("ReloadCompleted", "several", mark)
        equal(set(wait_serving(site, "several", 3)) & set(after), set(), "they are rolled as any")
        check(len(load.stop()) <= 2, "only what those had accepted that were killed is lost", load.count)


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
