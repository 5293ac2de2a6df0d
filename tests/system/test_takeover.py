#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon dies, and nobody notices: services run on and serve, the next daemon goes on with them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
# pylint: disable=wrong-import-position
import services
from harness import BUILD, DEADLINE, Gate, Site, answers, check, equal, get, is_alive, main, test, until, write
from storm import LANGUAGES, Storm


def crash(site):
    """The daemon dies in this moment."""
    equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")


def pids(site):
    """Of everything that was started for services of this site."""
    return sorted(site.left_over())


def commands(word):
    """PIDs of the processes with this word in their command lines."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if word in file.read().decode(errors="replace").split("\0"):
                    found.append(int(pid))
    return found


def kill_keeper(site):
    """Kills the keeper and waits until the daemon has another; it is then that this one has everything."""
    old = site.keepers()
    equal(len(old), 1, "keepers")
    os.kill(old[0], signal.SIGKILL)
    until(lambda: [pid for pid in site.keepers() if is_alive(pid)] not in ([], old), "another keeper runs")
    site.status()


for language in LANGUAGES:
    for sockets in ("adopt", "pass"):
        @test(f"promise-7-the-daemon-may-die: no request is lost, same process, {language}, {sockets}")
        def under_load(language=language, sockets=sockets):
            with Site() as site, Storm(site, language, sockets, connections=4) as storm:
                before = site.service(storm.name)
                running = pids(site)
                crash(site)
                equal(storm.answer(), "1", "answer without a daemon")
                site.start_daemon()
                after = site.service(storm.name)
                equal(pids(site), running, "processes of services")
                for key in ("pid", "release", "state", "restarts", "listen", "view"):
                    equal(after[key], before[key], key)
                check(after["uptimeUsec"] > before["uptimeUsec"], "its uptime goes on:", before, after)
                # Its connection is accepted before that of who asks after it, and its request takes until it is whole.
                slow = socket.create_connection(("127.0.0.1", storm.port), timeout=DEADLINE)
                slow.sendall(b"GET / HTTP/1.1\r\n")
                equal(storm.answer(), "1", "answer before the reload")
                storm.reload()
                # The same while the instance before that finishes what it has, and with the keeper's end in between.
                running = pids(site)
                equal(len(running), 2, f"processes of services {running}")
                kill_keeper(site)
                crash(site)
                site.start_daemon()
                equal(pids(site), running, "processes of services")
                slow.close()
                storm.reload()
                for who, figure in storm.end().items():
                    equal(figure["unaccounted"], [], f"failures of {figure['ok']} requests over {who} connections")
                    equal(figure["accounted"], 0, f"connections lost over {who} connections")
                equal(site.hrctl("stop", storm.name).returncode, 0, "stop")
                equal(pids(site), [], "processes of services after the stop")


@test("case-17-stopping-the-daemon-with-the-stop-policy-leaves-no-orphan: also of what was taken over")
def no_orphan():
    with Site() as site:
        service = services.Service(site, "web")
        crash(site)
        site.start_daemon()
        pid, keeper = service.pid, site.keepers()[0]
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        check(not is_alive(pid), "the service has ended with its daemon")
        until(lambda: not is_alive(keeper), "the keeper has ended with its daemon")


@test("case-18-a-service-that-exits-0-follows-its-restart-policy: also one that was taken over")
def ends_after_takeover():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        crash(site)
        site.start_daemon()
        mark, pid = site.signals.mark(), service.pid
        os.kill(pid, signal.SIGKILL)
        site.signals.wait("ServiceStateChanged", service.name, mark, lambda args: args[2] == "running")
        check(service.pid not in (0, pid), "it was started again")
        check("unknown status" in site.daemon_log() or "ended by signal 9" in site.daemon_log(), "it is said how it ended")
        crash(site)
        site.start_daemon()
        mark, pid = site.signals.mark(), service.pid
        # It ends with 0 by this.
        os.kill(pid, signal.SIGTERM)
        event = site.signals.wait("ServiceStateChanged", service.name, mark,
                                  lambda args: args[2] in ("stopped", "starting", "running"))
        if "ended with an unknown status" not in site.daemon_log():
            equal(event["args"][2], "stopped", "state after the end with 0")


@test("promise-7-the-daemon-may-die: what was saved meanwhile is the next reload")
def saved_meanwhile():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        crash(site)
        mark = service.save(services.app("2"))
        site.start_daemon()
        service.completed(mark, 2)
        equal(service.ask(), "2", "answer")


@test("promise-7-the-daemon-may-die: state is handed over by a process that was taken over")
def state_afterwards():
    with Site() as site:
        service = services.Service(site, "web", {"app.py": services.app(keep=True)})
        service.ask("/grow")
        crash(site)
        service.ask("/grow")
        site.start_daemon()
        mark = service.save(services.app("2", keep=True))
        service.completed(mark, 2)
        equal(service.ask("/count"), "2", "count")


@test("promise-7-the-daemon-may-die: a service whose file has changed meanwhile is started anew, with its state")
def changed_meanwhile():
    with Site() as site:
        service = services.Service(site, "web", {"app.py": services.app(keep=True)})
        service.good(1)
        service.ask("/grow")
        pid = service.pid
        crash(site)
        service.groups["Service"]["StopTimeout"] = "7s"
        service.write_file()
        site.start_daemon()
        site.wait_state(service.name, "running")
        until(lambda: service.pid not in (0, pid), "a new process serves")
        equal(service.ask("/count"), "1", "count")
        check("its service file has changed since" in site.daemon_log(), "it is said why")


@test("promise-7-the-daemon-may-die: a service whose file has broken meanwhile runs on, and status says so")
def broken_meanwhile():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        pid = service.shown["pid"]
        crash(site)
        path = site.path("config", "services.d", "web.conf")
        with open(path, encoding="utf-8") as file:
            sound = file.read()
        write(path, sound + "[Nonsense]\n")
        site.start_daemon()
        shown = site.service("web")
        equal((shown["pid"], shown["state"], shown["release"]), (pid, "running", 1), "what runs")
        check("Nonsense" in shown["error"], "status names what is wrong:", shown["error"])
        equal(service.ask(), "1", "answer")
        write(path, sound)
        mark = site.signals.mark()
        equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
        service.completed(mark, 1)
        equal((site.service("web")["state"], site.service("web")["error"]), ("running", None), "when it is mended")
        mark = service.save(services.app("2"))
        service.completed(mark, 2)
        equal(service.ask(), "2", "answer")


@test("promise-7-the-daemon-may-die: nothing stays of what was not written down, of transient services, and of builds")
def strays():
    with Site() as site:
        service = services.Service(site, "web")
        gate = Gate(site)
        service.good(1)
        run = subprocess.Popen([f"{BUILD}/client/hrctl/hrctl", "--session", "run", "--name=once", "--", "/bin/sleep", "1000"],
                               env=site.environment, cwd=site.home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        site.wait_state("once", "running")
        once = site.service("once")["pid"]
        # A process that nobody knows: as one that was started in the last moment of the daemon.
        environment = {"HOTRELOAD_INSTANCE": "unknown", "HOTRELOAD_SERVICE": service.name,
                       "HOTRELOAD_STATE_IN": f"{site.state}/exchange/{service.name}/unknown/in",
                       "HOTRELOAD_STATE_OUT": f"{site.state}/exchange/{service.name}/unknown/out"}
        unknown = subprocess.Popen(["/bin/sleep", "1000"], env=environment, start_new_session=True)
        foreign = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True,
                                   env={**environment, "HOTRELOAD_INSTANCE": "foreign",
                                        "HOTRELOAD_STATE_IN": "/elsewhere/exchange/web/foreign/in",
                                        "HOTRELOAD_STATE_OUT": "/elsewhere/exchange/web/foreign/out"})
        service.groups["Check"] = {"Build": f"/bin/cat {gate.path}"}
        service.write_file()
        site.hrctl("daemon-reload", "--no-wait")
        service.save(services.app("2"))
        builds = until(lambda: commands(gate.path), "the build runs")
        crash(site)
        until(lambda: not is_alive(builds[0]), "the build has ended with the daemon")
        site.start_daemon()
        until(lambda: not is_alive(once), "the transient service has ended")
        equal(unknown.wait(DEADLINE), -signal.SIGTERM, "how the unknown process ended")
        check(foreign.poll() is None, "what is another daemon's is left alone")
        foreign.kill()
        foreign.wait()
        run.wait(DEADLINE)
        gate.close()


@test("promise-7-the-daemon-may-die: the keeper is killed with it")
def both():
    with Site() as site:
        service = services.Service(site, "web")
        service.good(1)
        pid = service.pid
        keeper = site.keepers()[0]
        os.kill(site.daemon.pid, signal.SIGSTOP)
        os.kill(keeper, signal.SIGKILL)
        crash(site)
        equal(service.ask(), "1", "answer without a daemon")
        site.start_daemon()
        equal(service.pid, pid, "PID")
        mark = service.save(services.app("2"))
        service.completed(mark, 2)
        equal(service.ask(), "2", "answer")


def dies_in_canary(and_keeper):
    """The daemon dies in the middle of a canary: that is in the history, and it begins anew, as what was saved."""
    with Site() as site:
        service = services.Service(site, "tried", groups={"Canary": {"Percentage": "20"}, "State": {"Preserve": "no"}})
        service.good(1)
        pid = service.pid
        site.signals.wait("CanaryProgress", "tried", service.save(services.app("2")))
        if and_keeper:
            os.kill(site.daemon.pid, signal.SIGSTOP)
            os.kill(site.keepers()[0], signal.SIGKILL)
        mark = site.signals.mark()
        crash(site)
        site.start_daemon()
        equal(service.pid, pid, "what serves")
        entry = site.history("tried")[0]
        equal((entry["release"], entry["previousRelease"], entry["success"], entry["phase"], entry["trigger"], entry["error"]),
              (2, 1, False, "canary", "file", "the daemon died in phase 'canary'"), "what was interrupted")
        site.signals.wait("CanaryProgress", "tried", mark)
        equal(site.hrctl("promote", "tried").returncode, 0, "promote")
        service.completed(mark, 2)
        equal([(entry["release"], entry["trigger"], entry["success"]) for entry in site.history("tried")],
              [(2, "file", True), (2, "file", False), (1, "start", True)], "history")


@test("promise-7-the-daemon-may-die: in phase canary, which is in the history", alike=True)
def in_canary():
    dies_in_canary(False)


@test("promise-7-the-daemon-may-die: in phase canary, and the keeper with it", alike=True)
def in_canary_with_keeper():
    dies_in_canary(True)


def dies_in(phase, first, second, begun=None, count="1"):
    """The daemon dies in this phase of a reload of a service with state, in which somebody waits at the gate; the next
    one must serve with that state, by one process, and the history must say what happened."""
    with Site() as site:
        gate = Gate(site)
        service = services.Service(site, "web", {"app.py": first(gate)})
        service.good(1)
        service.ask("/grow")
        service.save(second(gate))
        gate.arrived()
        crash(site)
        # Nobody waits there any more.
        gate.close()
        os.unlink(gate.path)
        write(gate.path, "")
        site.start_daemon()
        until(lambda: answers(service.port, "2"), "the new version serves in the end")
        site.drained(service.name)
        equal(service.ask("/count"), count, "count")
        entries = [e for e in site.history(service.name) if e["error"] == f"the daemon died in phase '{phase}'"]
        equal(len(entries), 1, "entries of what was interrupted")
        equal(entries[0]["phase"], phase, "phase in the history")
        if begun is not None:
            with open(site.path(begun), encoding="utf-8") as file:
                equal(len(file.read().split()), 1, "instances of the new version that went on with their state")


@test("promise-7-the-daemon-may-die: in phase ready")
def in_ready():
    dies_in("ready", lambda gate: services.app(keep=True),
            lambda gate: services.app("2", keep=True, early=services.at_gate(gate)))


@test("promise-7-the-daemon-may-die: in phase preserve, and no state is lost")
def in_preserve():
    dies_in("preserve", lambda gate: services.app(keep=True, ending=services.at_gate(gate)),
            lambda gate: services.app("2", keep=True, late=f"open({gate.path + '.begun'!r}, 'a').write(f'{{os.getpid()}}\\n')"),
            begun="gate.begun")


# Counts how often it is told to stop, and does not.
COUNTS = """import signal, sys, time
def told(*_):
    with open(sys.argv[1], "a") as file:
        file.write("told\\n")
signal.signal(signal.SIGTERM, told)
open(sys.argv[1], "a").close()
while True:
    time.sleep(1000)
"""


def knows_who_was_told(site):
    with open(site.path("state", "run-state", "web.boot"), encoding="utf-8") as file:
        return '"signalled":true' in file.read().replace(" ", "")


@test("promise-7-the-daemon-may-die: after it told a service to stop, which is not told again, and has no more time")
def told_once():
    with Site() as site:
        log = site.path("told")
        source = site.source("web", {"app.py": COUNTS})
        site.add("web", f"[Service]\nExec={sys.executable} app.py {log}\nSource={source}\nReady=delay:100ms\n"
                        "StopTimeout=6s\n")
        pid = site.service("web")["pid"]
        until(lambda: os.path.exists(log), "it listens to signals")
        equal(site.hrctl("stop", "--no-wait", "web").returncode, 0, "stop")
        until(lambda: os.path.getsize(log) > 0, "it was told to stop")
        # That is written down at once, but after it is done.
        until(lambda: knows_who_was_told(site), "the daemon knows that it did")
        crash(site)
        check(is_alive(pid), "it runs on")
        site.start_daemon()
        until(lambda: not is_alive(pid), "it is killed")
        with open(log, encoding="utf-8") as file:
            equal(file.read(), "told\n", "how often it was told to stop")
        site.wait_state("web", "stopped")


@test("promise-7-the-daemon-may-die: an old instance that finishes its work is found, and ended at DrainTimeout")
def draining():
    with Site() as site:
        service = services.Unmodified(site, services.EVENTS, "DrainTimeout=3s\n")
        stream = services.EventStream(service.port)
        service.reload("2")
        running = pids(site)
        equal(len(running), 2, "processes of the service")
        crash(site)
        site.start_daemon()
        equal(stream.next(), "1", "what the old instance is busy with")
        equal(pids(site), running, "processes of the service")
        stream.ended()
        site.drained(service.name)
        check(answers(service.port, "2", "/version"), "the new one serves")


@test("promise-7-the-daemon-may-die: in phase ready, with the state already given, which the new version has changed")
def in_ready_with_state():
    def changes_state(gate):
        new = services.app("2", keep=True, late='state["count"] += 100\n' + services.at_gate(gate))
        # It does not mind that there is nobody to tell.
        return new.replace("notify.sendto(b\"READY=1\", ", "notify.connect_ex(").replace(
            '"NOTIFY_SOCKET"])\nwhile', '"NOTIFY_SOCKET"]) or notify.send(b"READY=1")\nwhile')
    # By the one that was interrupted, and by the one that serves.
    dies_in("ready", lambda gate: services.app(keep=True), changes_state, count="201")


@test("promise-7-the-daemon-may-die: in phase preserve, and what the old instance was just answering is answered")
def in_preserve_with_request():
    with Site() as site:
        gate = Gate(site)
        program, name, text = services.ABRUPT
        slow = f'time.sleep(0.03)\n        if self.path == "/slow":\n            open({gate.path!r}).read()\n'
        service = services.Unmodified(site, (program, name, text.replace("time.sleep(0.03)\n", slow)))
        answers_got = []
        client = threading.Thread(target=lambda: answers_got.append(get(service.port, "/slow")))
        client.start()
        gate.arrived()
        service.save("2")

        def is_told():
            with open(os.path.join(site.state, "run-state", service.name + ".boot"), encoding="utf-8") as file:
                return '"stopping":true' in file.read().replace(" ", "")
        until(is_told, "the old instance is about to end")
        crash(site)
        site.start_daemon()
        gate.release()
        client.join(DEADLINE)
        equal([status for status, _ in answers_got], [200], "answer to what was under way")
        until(lambda: answers(service.port, "2", "/version"), "the new version serves in the end")


@test("promise-7-the-daemon-may-die: with --on-exit=keep services run on over its orderly end, and over --replace")
def keeps():
    with Site(arguments=["--on-exit=keep"]) as site:
        service = services.Service(site, "web")
        service.good(1)
        pid = service.pid
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        equal(service.ask(), "1", "answer without a daemon")
        site.start_daemon()
        equal(service.pid, pid, "PID")

        # A reload that is under way is cancelled.
        gate = Gate(site)
        mark = service.save(services.app("2", late=services.at_gate(gate)))
        gate.arrived()
        equal(site.stop_daemon(), 0, "exit status of the daemon during a reload")
        site.signals.wait("ReloadFailed", service.name, mark)
        equal(pids(site), [pid], "processes of the service")
        gate.close()
        site.start_daemon()
        equal(service.pid, pid, "PID")
        service.save(services.app("1"))

        old = site.daemon
        site.arguments = ["--on-exit=stop", "--replace"]
        site.start_daemon()
        equal(old.wait(DEADLINE), 0, "exit status of the daemon that was replaced")
        equal(service.pid, pid, "PID")
        equal(service.ask(), "1", "answer")


if __name__ == "__main__":
    sys.exit(main())
