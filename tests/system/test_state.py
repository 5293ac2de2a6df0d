#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""State by file, from outside: when it is taken, in which order that is said, and that it is there after whatever
happens."""

import json
import os
import signal
import sys

from harness import Gate, Load, Site, check, equal, is_alive, main, test, until
from services import PYTHON, Service, app, at_gate


@test("state-passes-through-the-barrier-in-the-documented-order")
def state_order():
    with Site() as site:
        gate, marker = Gate(site), site.path("opened")
        late = f"open({marker!r}, 'w').close()\n"
        service = Service(site, "keeps", {"app.py": app(keep=True, ending=at_gate(gate))})
        for _ in range(3):
            service.ask("/grow")
        old = service.pid
        mark = service.save(app("2", keep=True, late=late))
        gate.arrived()
        # The old one is ending and has not written its state: the candidate must wait in its open.
        check(is_alive(old), "the old one is there")
        candidates = [pid for pid in site.left_over() if pid != old]
        equal(len(candidates), 1, "candidates")
        until(lambda: waits_in_open(candidates[0]), "the candidate waits in its open")
        check(not os.path.exists(marker), "its open has not returned")
        equal(site.signals.seen("StatePreserved", "keeps", mark), [], "StatePreserved so far")
        gate.release()
        event = service.completed(mark, 2)
        equal(event["args"][4]["statePreserved"], True, "statePreserved")
        equal(service.ask("/count"), "3", "state")
        check(not is_alive(old), "the old one has ended")
        names = [e["signal"] for e in site.signals.events[mark:] if e["signal"] != "ServiceStateChanged"]
        equal(names, ["FileChanged", "ReloadStarted", "StatePreserved", "StateRestored", "ReloadCompleted"], "signals")
        preserved, restored = (site.signals.seen(name, "keeps", mark)[0] for name in
                               ("StatePreserved", "StateRestored"))
        equal(preserved["args"][1], restored["args"][1], "snapshot")
        equal(preserved["args"][2], len('{"count": 3}'), "size")


def waits_in_open(pid):
    """Whether a process sleeps, and in open() or openat() where that is to be seen: not for an ordinary user whose
    process is in a namespace of its own."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        if file.read().rpartition(")")[2].split()[0] not in "SD":
            return False
    try:
        with open(f"/proc/{pid}/syscall", encoding="utf-8") as file:
            return file.read().split()[0] in {"x86_64": ("257", "2"), "aarch64": ("56",)}.get(os.uname().machine, ())
    except OSError:
        return True


ODD = '{"count" :1.0000000000000000001,\n  "big":123456789012345678901234567890,"e":"\\u00e9é",  "z":-0.0 }\n\n'


@test("state-data-is-kept-byte-for-byte")
def state_bytes():
    with Site() as site:
        keep = f"""KEPT = open(os.environ["HOTRELOAD_STATE_IN"], "rb").read()\n"""
        write = f"""open(os.environ["HOTRELOAD_STATE_OUT"], "wb").write({ODD.encode()!r})\n"""
        service = Service(site, "bytes", {"app.py": app(early=keep, ending=write)})
        equal(service.evaluate("KEPT"), "b'{}'", "the file exists at first")
        mark = service.save(app("2", early=keep, ending=write))
        service.completed(mark, 2)
        equal(service.evaluate("KEPT"), repr(ODD.encode()), "what the new one got")
        snapshot = site.signals.wait("StatePreserved", "bytes", mark)["args"][1]
        with open(os.path.join(site.state, "snapshots", "bytes", snapshot + ".json"), encoding="utf-8") as file:
            text = file.read()
        check(ODD.strip() in text, "the snapshot holds the same bytes:", text)
        document = json.loads(text)
        equal(sorted(document), ["checksum", "data", "release", "serviceName", "timestamp", "version"], "keys")
        check(document["checksum"].startswith("sha256:"), "checksum:", document["checksum"])


@test("a-candidate-that-fails-after-the-old-one-ended-brings-the-old-release-back-with-its-state")
def state_rollback():
    with Site() as site:
        service = Service(site, "back", {"app.py": app(keep=True)})
        for _ in range(2):
            service.ask("/grow")
        mark = service.save(app("2", keep=True, late="sys.exit('cannot go on')"))
        event = service.failed(mark, "ready")
        equal(event["args"][4]["errorName"], "org.hotreload.Error.StartFailed", "error")
        event = site.signals.wait("RolledBack", "back", mark)
        equal(event["args"][1:3], [2, 1], "from and to")
        equal((service.ask(), service.ask("/count")), ("1", "2"), "release and state")
        equal(service.shown["state"], "running", "state of the service")
        equal(service.ask("/grow"), "3", "it goes on")
        service.completed(service.save(app("3", keep=True)), 3)
        equal(service.ask("/count"), "3", "state")


@test("after-a-crash-the-newest-snapshot-is-given")
def state_crash():
    with Site() as site:
        service = Service(site, "crash", {"app.py": app(keep=True)}, RestartDelay="10ms")
        service.ask("/grow")
        service.completed(service.save(app("2", keep=True)), 2)
        service.good(2)
        service.ask("/grow")
        mark, old = site.signals.mark(), service.pid
        os.kill(old, signal.SIGKILL)
        site.wait_state("crash", "running", mark)
        equal((service.ask(), service.ask("/count")), ("2", "1"), "release and state")
        equal(service.shown["restarts"], 1, "restarts")
        check(service.pid != old, "another process")


@test("a-candidate-that-never-opens-its-state-keeps-none-and-the-old-one-stops-after-the-switch")
def state_unopened():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "unopened", {"app.py": app(keep=True)})
        service.ask("/grow")
        old = service.pid
        mark = service.save(app("2", late=at_gate(gate)))
        gate.arrived()
        check(is_alive(old), "the old one is not told to stop before the new one is ready")
        equal(service.ask("/count"), "1", "it still serves")
        gate.release()
        event = service.completed(mark, 2)
        equal((event["args"][3], event["args"][4]["statePreserved"]), (0, False), "downtime and state")
        until(lambda: not is_alive(old), "the old one ends")


@test("state-that-is-not-json-fails-the-reload-and-the-old-release-runs-again")
def state_garbage():
    with Site() as site:
        garbage = 'open(os.environ["HOTRELOAD_STATE_OUT"], "w").write("{ not json"); sys.exit(0)\n'
        service = Service(site, "garbage", {"app.py": app(keep=True, ending=garbage)})
        mark = service.save(app("2", keep=True))
        event = service.failed(mark, "preserve")
        check("JSON" in event["args"][3], "it is said:", event["args"][3])
        site.signals.wait("RolledBack", "garbage", mark)
        equal((service.ask(), service.shown["state"]), ("1", "running"), "the old release")


@test("a-snapshot-can-be-listed-shown-and-restored")
def snapshots():
    with Site() as site:
        service = Service(site, "snap", {"app.py": app(keep=True)})
        service.ask("/grow")
        mark = service.save(app("2", keep=True))
        service.completed(mark, 2)
        snapshot = site.signals.wait("StatePreserved", "snap", mark)["args"][1]
        for _ in range(4):
            service.ask("/grow")
        equal(site.json("snapshot", "show", "snap", snapshot)["data"], {"count": 1}, "what is shown")
        check(any(entry["id"] == snapshot for entry in site.json("snapshot", "list", "snap")), "it is listed")
        equal(site.hrctl("snapshot", "restore", "snap", snapshot).returncode, 0, "restore")
        equal((service.ask(), service.ask("/count")), ("2", "1"), "release and state")


@test("state-that-a-killed-daemon-did-not-collect-is-a-snapshot-of-the-release-that-wrote-it")
def daemon_killed():
    with Site() as site:
        service = Service(site, "orphan", {"app.py": app(keep=True)})
        service.completed(service.save(app("2", keep=True)), 2)
        service.good(2)
        service.ask("/grow")
        pid = service.pid
        site.stop_daemon(signal.SIGKILL)
        # Without the daemon it ends, too, and nobody takes what it leaves.
        os.kill(pid, signal.SIGTERM)
        until(lambda: not is_alive(pid), "the service has ended")
        site.start_daemon()
        site.wait_state("orphan", "running")
        equal((service.ask(), service.ask("/count")), ("2", "1"), "release and state")
        newest = site.json("snapshot", "list", "orphan")[0]
        equal((newest["release"], newest["id"].endswith("-r2")), (2, True), "release of " + newest["id"])


ALONE = """import fcntl
alone = open({!r}, "w")
fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""


@test("sequential-never-runs-two-and-connections-wait")
def sequential():
    with Site() as site:
        early = ALONE.format(site.path("alone"))
        service = Service(site, "single", {"app.py": app(keep=True, early=early)}, Handover="sequential")
        service.ask("/grow")
        load = Load(service.port, 5)
        for number in range(2, 5):
            event = service.completed(service.save(app(str(number), keep=True, early=early)), number)
            equal(event["args"][4]["statePreserved"], True, "statePreserved")
        equal(load.stop(), [], "failures of the load")
        equal(service.ask("/count"), "1", "state")
        mark = service.save(app("5", keep=True, early="sys.exit(7)"))
        service.failed(mark)
        site.signals.wait("RolledBack", "single", mark)
        equal((service.ask(), service.ask("/count")), ("4", "1"), "the old release is back with its state")


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


@test("sequential-handover-passes-state-of-a-service-without-a-listener")
def without_listener():
    with Site() as site:
        text = 'import json, os, signal, sys\nn = json.load(open(os.environ["HOTRELOAD_STATE_IN"])).get("n", 0) + 1\n' \
               'open(sys.argv[1], "a").write(f"{n}\\n")\nsignal.sigwait([signal.SIGTERM])\n' \
               'json.dump({"n": n}, open(os.environ["HOTRELOAD_STATE_OUT"], "w"))\n'
        prefix = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        log = site.path("log")
        service = Service(site, "worker", {"app.py": prefix + text}, Listen=None, Handover="sequential",
                          Exec=f"{PYTHON} app.py {log}", Ready="delay:50ms")
        for number in (1, 2, 3):
            if number > 1:
                service.completed(service.save(prefix + text + f"# {number}\n"), number)
            # Being alive is all that such a program says of itself: it may not have come as far as this yet.
            until(lambda number=number: lines_of(log) == [str(n + 1) for n in range(number)], f"instance {number} counts")


if __name__ == "__main__":
    sys.exit(main())
