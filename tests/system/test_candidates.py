# SPDX-License-Identifier: LGPL-2.1-or-later
"""New versions that misbehave, each under load with a connection of its own for every request: the old one serves on,
the failure says what happened, and nothing of the new one is left behind."""

import os
import re
import sys

from harness import Load, Site, check, equal, is_alive, main, test, until, write
from services import PYTHON, Service, app
from usage import check_growth, used

# Says which connections it takes before it does anything with them, so that what is lost with it can be told.
COUNTED = '''        connection, peer = listener.accept()
        os.write(taken, b"%d\\n" % peer[1])
'''


def counted(path, text, after=""):
    """The small service, which writes the client's port of each connection that it takes to a file."""
    text = text.replace("        connection = listener.accept()[0]\n", COUNTED + after)
    return f"import os\ntaken = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n" + text


class UnderLoad:
    """A service that answers "1" while something is done to it. At the end no request has failed but those whose
    connections are excused, and there is one instance of it."""

    def __init__(self, site, service):
        self.site, self.service, self.excused = site, service, set()

    def __enter__(self):
        self.load = Load(self.service.port, connections=6)
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.load.process.kill()
            return
        failures = [failure for failure in self.load.stop() if failure[2] not in self.excused]
        equal(failures, [], f"failures of {self.load.count} requests")
        check(self.load.count > 50, "requests:", self.load.count)
        self.site.drained(self.service.name)
        nothing_left(self.site, self.service)

    def still_served(self):
        """Waits for answers of the old version from now on."""
        for _ in range(20):
            equal(self.service.ask(), "1", "answer")


def nothing_left(site, service):
    """One instance of the service: its process, and the sockets that go with it."""
    equal(len({instance for _, instance in site.processes_of_services().values()}), 1, "instances")
    ids = {name.partition(".")[0] for name in os.listdir(os.path.join(site.runtime, "hotreload", "instances"))}
    # The keeper's is the daemon's.
    equal(len(ids - {"daemon"}), 1, f"instances that have sockets: {ids}")
    equal(service.shown["state"], "running", "state")


def rejected(site, service, text, phase, words, under_load=None):
    """Saves a version that must fail in this phase with these words (a pattern), and be the old one's business no
    further."""
    pid = service.pid
    with UnderLoad(site, service) as load:
        event = service.failed(service.save(text), phase)
        check(re.search(words, event["args"][3]), "the failure says what happened:", event["args"][3])
        if under_load is not None:
            under_load(load)
        load.still_served()
    equal(service.pid, pid, "the old instance was not touched")
    equal(service.last_release()["fate"], "rejected", "fate")
    return event


@test("candidate-that-never-becomes-ready")
def never_ready():
    with Site() as site:
        service = Service(site, "web", StartTimeout="1s")
        event = rejected(site, service, app("2", late="select.select([], [], [], 60)\n"), "ready",
                         "did not become ready.*READY=1")
        phases = dict(event["args"][4]["phases"])
        check(phases["ready"] >= 1000000, "the time that was waited for it:", phases)
        check("fallback" in phases, "and the time of the way back:", phases)
        equal(event["args"][4]["downtimeUsec"], 0, "downtime")


@test("candidate-that-becomes-ready-and-dies-before-its-first-accept: no request fails")
def dies_at_once():
    with Site() as site:
        service = Service(site, "web", groups={"PostCheck": {"RollbackAfter": "60s"}})
        text = app("2").replace("while True:\n    ready", "os._exit(3)\nwhile True:\n    ready")
        with UnderLoad(site, service) as load:
            mark = service.save(text)
            # Mostly it is gone before the switch; else it is rolled back.
            event = site.signals.wait("RolledBack|ReloadFailed", "web", mark)
            reason = event["args"][3]
            check("status 3" in reason, "the reason:", reason)
            site.wait_state("web", "running")
            load.still_served()
        equal(service.shown["release"], 1, "release")
        equal(service.last_release()["fate"], "rejected", "fate")


@test("candidate-that-becomes-ready-and-dies-at-its-third-accept: only what it had accepted is lost, each accounted for")
def dies_later():
    with Site() as site:
        taken = site.path("taken")
        service = Service(site, "web", groups={"PostCheck": {"RollbackAfter": "60s"}})
        text = counted(taken, app("2"), '        count = state["count"] = state["count"] + 1\n'
                                        '        if count == 3:\n            os._exit(3)\n')
        with UnderLoad(site, service) as load:
            mark = service.save(text)
            event = site.signals.wait("RolledBack", "web", mark)
            check("status 3" in event["args"][3], "the reason:", event["args"][3])
            site.wait_state("web", "running")
            load.still_served()
            with open(taken, encoding="utf-8") as file:
                ports = [int(line) for line in file]
            equal(len(ports), 3, "connections that it took")
            load.excused = set(ports[2:])
        equal(service.last_release()["fate"], "rejected", "fate")


# It listens before the program is ready: nobody is asked before that.
PROBED = '''from threading import Thread
ours = socket.socket(socket.AF_UNIX)
ours.bind("\\0probe-" + os.environ["HOTRELOAD_INSTANCE"])
ours.listen()
def tell():
    while True:
        with ours.accept()[0] as asker:
            asker.sendall(WORDS)
Thread(target=tell, daemon=True).start()
'''

PROBE = '''import os, socket, sys
with socket.socket(socket.AF_UNIX) as asker:
    asker.connect("\\0probe-" + os.environ["HOTRELOAD_INSTANCE"])
    said = asker.recv(4096)
if said != b"well":
    sys.exit(f"not what was expected: {said!r}")
'''


@test("candidate-that-answers-probes-with-garbage")
def garbage():
    with Site() as site:
        probe = write(site.path("probe.py"), PROBE)
        service = Service(site, "web", {"app.py": app(late=PROBED.replace("WORDS", 'b"well"'))},
                          groups={"Health": {"Probe": f"exec:{PYTHON} {probe}", "Interval": "200ms", "Failures": "2",
                                             "Timeout": "5s"}})
        rejected(site, service, app("2", late=PROBED.replace("WORDS", 'b"\\xff\\0{]" * 100')), "verify",
                 "not what was expected")


@test("candidate-that-ignores-TERM: it is killed after StopTimeout, also with a child that does")
def ignores_term():
    with Site() as site:
        probe = write(site.path("probe.py"), PROBE)
        deaf = "if os.fork() == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    select.select([], [], [], 600)\n"
        service = Service(site, "web", {"app.py": app(late=PROBED.replace("WORDS", 'b"well"'))}, StopTimeout="300ms",
                          groups={"Health": {"Probe": f"exec:{PYTHON} {probe}", "Interval": "200ms", "Failures": "1",
                                             "Timeout": "5s"}})
        text = app("2", late=PROBED.replace("WORDS", 'b"no"') + deaf).replace("        break\n", "        continue\n")
        event = rejected(site, service, text, "verify", "not what was expected")
        check(dict(event["args"][4]["phases"])["fallback"] >= 300000, "its end was waited for:", event["args"][4])


@test("old-instance-that-ignores-TERM: the new one serves, the old one is killed")
def old_ignores_term():
    with Site() as site:
        text = app("1").replace("    if wake_in in ready:\n        break\n", "    if wake_in in ready:\n        continue\n")
        service = Service(site, "web", {"app.py": text}, StopTimeout="300ms", DrainTimeout="300ms")
        old = service.pid
        with UnderLoad(site, service):
            event = service.completed(service.save(app("2")), 2, drained=False)
            equal(event["args"][3], 0, "downtime")
            until(lambda: not is_alive(old), "the old one is killed")
        check("was killed" in site.daemon_log(), "it is said:", site.daemon_log()[-500:])


@test("candidate-that-forks-away-from-its-group: nothing of it is left")
def forks_away():
    with Site() as site:
        service = Service(site, "web", StartTimeout="1s")
        away = "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.setsid()\n" \
               "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    select.select([], [], [], 600)\n"
        rejected(site, service, app("2", late=away + "select.select([], [], [], 60)\n"), "ready", "did not become ready")


@test("candidate-that-closes-its-listener")
def closes_listener():
    with Site() as site:
        service = Service(site, "web", StartTimeout="1s")
        rejected(site, service, app("2", late="os.close(3)\n"), "ready", "Bad file descriptor")


@test("candidate-that-is-ready-and-has-closed-its-listener")
def closes_listener_when_ready():
    with Site() as site:
        service = Service(site, "web")
        deaf = app("2").replace("with socket.socket(socket.AF_UNIX", "listener.close()\nwith socket.socket(socket.AF_UNIX").replace(
            "while True:\n    ready", "signal.pause()\nwhile True:\n    ready")
        check("listener.close()" in deaf and "signal.pause()" in deaf, "the program is another")
        rejected(site, service, deaf, "verify", "closed the listeners")


@test("candidate-that-calls-shutdown-on-its-listener: the old one's goes on")
def shuts_listener():
    with Site() as site:
        service = Service(site, "web", StartTimeout="1s")
        rejected(site, service, app("2", late="socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)\nsys.exit(4)\n"),
                 "ready", "status 4")


@test("candidate-that-floods-its-log: the daemon neither works nor grows for it")
def floods_log():
    with Site() as site:
        service = Service(site, "web", StartTimeout="2s")
        flood = "line = (b'x' * 127 + b'\\n') * 8192\nfor n in range(200):\n    os.write(1, line)\n" \
                "    select.select([], [], [], 0.01)\nselect.select([], [], [], 60)\n"
        before = used(site.daemon.pid)
        event = rejected(site, service, app("2", late=flood), "ready", "did not become ready")
        after = used(site.daemon.pid)
        check(after[0] - before[0] < 1, "processor time of the daemon:", before, after)
        check_growth(site.daemon.pid, before[1], after[1], 16 << 20)
        check(len(event["args"][3]) < 16384, "what is shown of it is bounded:", len(event["args"][3]))


@test("candidate-that-eats-its-memory-limit")
def eats_memory():
    with Site() as site:
        service = Service(site, "web", Exec=f"sh -c 'ulimit -v 400000; exec {PYTHON} app.py'")
        rejected(site, service, app("2", late="hoard = []\nwhile True:\n    hoard.append(bytearray(1 << 24))\n"), "ready",
                 "MemoryError")


@test("candidate-that-crashes-before-it-listens")
def crashes_early():
    with Site() as site:
        service = Service(site, "web")
        rejected(site, service, app("2", early="os.kill(os.getpid(), signal.SIGSEGV)\n"), "ready", "signal 11")


@test("candidate-that-crashes-before-it-is-ready")
def crashes_before_ready():
    with Site() as site:
        service = Service(site, "web")
        rejected(site, service, app("2", late="os.kill(os.getpid(), signal.SIGSEGV)\n"), "ready", "signal 11")


@test("candidate-that-crashes-in-the-state-barrier: the old release runs again with its state, and nobody is refused")
def crashes_in_barrier():
    with Site() as site:
        text = app("1", keep=True, ending="select.select([], [], [], 0.6)\n")
        service = Service(site, "web", {"app.py": text})
        equal(service.ask("/grow"), "1", "count")
        with UnderLoad(site, service) as load:
            mark = service.save(app("2", keep=True, early="signal.setitimer(signal.ITIMER_REAL, 0.2)\n"))
            event = service.failed(mark, "preserve")
            check("signal 14" in event["args"][3], "the failure says what happened:", event["args"][3])
            details = event["args"][4]
            check(details["downtimeUsec"] >= 300000, "downtime:", details)
            check(details["queueWaitUsec"] >= 300000, "the longest wait in the queue:", details)
            load.still_served()
        equal(service.ask("/count"), "1", "count")


@test("candidate-that-crashes-with-the-state-in-its-hands: the old release runs again with its state")
def crashes_with_state():
    with Site() as site:
        service = Service(site, "web", {"app.py": app("1", keep=True)})
        equal(service.ask("/grow"), "1", "count")
        with UnderLoad(site, service) as load:
            event = service.failed(service.save(app("2", keep=True, late="sys.exit(5)\n")), "ready")
            check("status 5" in event["args"][3], "the failure says what happened:", event["args"][3])
            load.still_served()
        equal(service.ask("/count"), "1", "count")


if __name__ == "__main__":
    sys.exit(main())
