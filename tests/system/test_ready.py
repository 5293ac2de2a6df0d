#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""When a program counts as ready, and what it is started with."""

import os
import shutil
import signal
import sys
import time

from harness import BUILD, SOURCE, Gate, Load, NotRunHere, Site, answers, check, equal, main, test, until, write
from services import Service, app, at_gate

# Longer than where nothing can be seen.
NOT_BY_TIME = 1.4
SAYS_READY = '''with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
'''
BINDS = '''listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", {port}))
listener.listen(5)
'''


def silent(text, port=None):
    """The small service without READY=1, and if a port is given one that binds for itself."""
    check(SAYS_READY in text, "the small service says that it is ready")
    text = text.replace(SAYS_READY, "")
    return text if port is None else text.replace("listener = socket.socket(fileno=3)\n", BINDS.format(port=port))


def stays(service, release, version):
    """Nothing has become of the candidate, though it has lived for long enough."""
    began = time.monotonic()
    until(lambda: time.monotonic() - began > NOT_BY_TIME, "time passes")
    equal((service.shown["release"], service.ask()), (release, version), "the old one serves")


@test("a-program-that-binds-late-is-not-taken-for-ready-and-nobody-is-refused", alike=True)
def late_binder():
    with Site() as site:
        service = Service(site, "late", start=False, Listen=None)
        gate = Gate(site)
        write(service.path("app.py"), silent(app(late=at_gate(gate)), service.port))
        # Of the first one nothing is known: it counts as running though it does not listen yet.
        mark = site.signals.mark()
        site.hrctl("daemon-reload")
        service.running(mark)
        gate.release()
        until(lambda: answers(service.port, "1"), "it listens in the end")
        load = Load(service.port)
        for number in (2, 3):
            mark = service.save(silent(app(str(number), late=at_gate(gate)), service.port))
            gate.arrived()
            stays(service, number - 1, str(number - 1))
            gate.release()
            service.completed(mark, number)
            until(lambda answer=str(number): service.ask() == answer, "the new one answers")
        equal(load.stop(), [], "failures")


@test("a-new-version-that-does-not-listen-where-the-old-one-did-is-rejected")
def never_binds():
    with Site() as site:
        service = Service(site, "mute", start=False, Listen=None, StartTimeout="2s")
        write(service.path("app.py"), silent(app(), service.port))
        service.begin()
        until(lambda: service.shown["listen"], "its listener is discovered")
        event = service.failed(service.save("import time\ntime.sleep(600)\n"), "ready")
        check(f"did not listen on tcp:127.0.0.1:{service.port}" in event["args"][3], "why:", event["args"][3])
        equal(service.ask(), "1", "the old one serves")


@test("with-passed-sockets-alone-a-program-is-ready-when-it-polls-one")
def passed():
    with Site() as site:
        for ready in ("auto", "listen"):
            gate = Gate(site, f"gate-{ready}")
            service = Service(site, ready, {"app.py": silent(app())}, Sockets="pass", Ready=ready)
            mark = service.save(silent(app("2", late=at_gate(gate))))
            gate.arrived()
            if ready == "auto":
                stays(service, 1, "1")
            gate.release()
            service.completed(mark, 2)
            equal(service.ask(), "2", "answer")


NODE = """const server = require('http').createServer((request, response) => response.end('VERSION'));
server.listen({fd: 3});
process.on('SIGTERM', () => server.close());
"""


@test("node-with-passed-sockets-alone-is-handed-over")
def passed_node():
    with Site() as site:
        if shutil.which("node", path=site.environment["PATH"]) is None:
            raise NotRunHere("there is no node")
        service = Service(site, "node", {"server.js": NODE.replace("VERSION", "1")}, Sockets="pass", Ready="listen",
                          Exec="node server.js")
        load = Load(service.port)
        service.completed(service.save(NODE.replace("VERSION", "2"), "server.js"), 2)
        until(lambda: service.ask() == "2", "the new one answers")
        equal(load.stop(), [], "failures")


@test("a-static-program-is-ready-by-time-and-Ready=listen-says-that-it-cannot-be", alike=True)
def static():
    program = os.path.join(BUILD, "tests", "os", "passed-program-static")
    if not os.path.exists(program):
        raise NotRunHere("the static program is not built")
    with Site() as site:
        for sockets in ("auto", "pass"):
            service = Service(site, sockets, Exec=program, Sockets=sockets, StartTimeout="20s")
            equal(service.shown["state"], "running", "state")
        service = Service(site, "strict", start=False, Exec=program, Ready="listen")
        mark = site.signals.mark()
        site.hrctl("daemon-reload")
        event = site.signals.wait("ReloadFailed", "strict", mark)
        check("Ready=listen cannot be seen" in event["args"][3] and "static" in event["args"][3], event["args"][3])


OURS = {"HOTRELOAD_SERVICE", "HOTRELOAD_RELEASE", "HOTRELOAD_COMMIT", "HOTRELOAD_SLOT", "HOTRELOAD_INSTANCE",
        "HOTRELOAD_INSTANCE_INDEX",
        "HOTRELOAD_STATE_IN", "HOTRELOAD_STATE_OUT", "HOTRELOAD_ADOPT", "LD_PRELOAD", "NOTIFY_SOCKET", "PORT",
        "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"}


@test("a-program-gets-what-is-documented-and-nothing-else")
def environment():
    with Site(environment={"XDG_DATA_HOME": "/nowhere", "SECRET": "x", "PYTHONPATH": "/nowhere", "LC_ALL": "C",
                           "LISTEN_FDS": "9", "WATCHDOG_USEC": "1"}) as site:
        service = Service(site, "env", groups={"Environment": {"OWN": "a;b", "LD_PRELOAD": "/nowhere/lib.so"}})
        seen = set(eval(service.evaluate("sorted(os.environ)")))  # pylint: disable=eval-used
        base = {"PATH", "HOME", "USER", "LANG", "SHELL", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"}
        # What the C library's locale makes Python add for its own children.
        equal(sorted(seen - {"LC_CTYPE"}), sorted(base | OURS | {"OWN"}), "variables")
        preload = service.ask("/env/LD_PRELOAD").split(":")
        check(preload[0].endswith("/libhotreload-adopt.so"), "the library of hotreload:", preload)
        equal(preload[1:], ["/nowhere/lib.so"], "that of the service file")
        equal((service.ask("/env/OWN"), service.ask("/env/PORT")), ("a;b", str(service.port)), "values")
        equal((service.ask("/env/LISTEN_FDS"), service.ask("/env/LISTEN_FDNAMES"), service.ask("/env/LISTEN_PID")),
              ("1", "http", service.ask("/pid")), "the listener")


@test("PORT-is-that-of-Listen-never-that-of-a-discovered-listener")
def port():
    with Site() as site:
        service = Service(site, "port", start=False, Listen=None)
        write(service.path("app.py"), silent(app(), service.port))
        service.begin()
        until(lambda: answers(service.port, "1"), "it listens")
        equal(service.ask("/env/PORT"), "", "PORT of the first")
        service.completed(service.save(silent(app("2"), service.port)), 2)
        until(lambda: service.ask() == "2", "the new one answers")
        equal(service.ask("/env/PORT"), "", "PORT of the next")
        service = Service(site, "two", Listen="first=tcp:127.0.0.1:0;http=tcp:127.0.0.1:0", start=False)
        write(service.path("app.py"), silent(app()))
        mark = site.signals.mark()
        site.hrctl("daemon-reload")
        service.running(mark)
        service.port = int(service.shown["listen"][0].rpartition(":")[2])
        equal(service.ask("/env/PORT"), str(service.port), "PORT with two listeners")


CHILDREN = '''import subprocess
def child(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
'''
NODE_CHILD = "process.stdout.write(require('child_process').execSync('echo from $(uname)').toString())"


@test("a-programs-own-children-work")
def children():
    with Site() as site:
        service = Service(site, "parent", {"app.py": app(late=CHILDREN)})
        equal(service.evaluate("child('sh', '-c', 'echo a child')"), "a child", "Python's subprocess")
        listens = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1] > 0)"
        equal(service.evaluate(f"child('python3', '-S', '-c', {listens!r})"), "True", "a child that listens")
        if shutil.which("node", path=site.environment["PATH"]) is not None:
            equal(service.evaluate(f"child('node', '-e', {NODE_CHILD!r})"), "from Linux", "Node's child_process")


def examples():
    """The programs that the manual page shows: those of its environment, and those of its state."""
    with open(os.path.join(SOURCE, "data", "man", "hotreload.service.5"), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index(".SH ENVIRONMENT OF THE PROGRAM"):text.index(".SH NOT SUPPORTED YET")]
    blocks = [block.partition("\n.fi")[0] for block in text.split(".nf\n")[1:]]
    for escaped, meant in (("\\-", "-"), ("\\(aq", "'"), ("\\e", "\\")):
        blocks = [block.replace(escaped, meant) for block in blocks]
    equal(len(blocks), 4, "examples")
    return [block + "\n" for block in blocks]


def waits_for_its_end(service):
    """Whether its program has a handler for SIGTERM: it is ready by time, which says nothing on a busy machine."""
    with open(f"/proc/{service.pid}/status", encoding="utf-8") as file:
        caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt:"))
    return caught & 1 << signal.SIGTERM - 1


@test("the-examples-of-the-manual-page-work", alike=True)
def manual():
    listens, binds, python_state, shell_state = examples()
    with Site() as site:
        service = Service(site, "listens", {"app.py": listens + "import time\ntime.sleep(600)\n"})
        until(lambda: "release 1" in site.hrctl("logs", "listens").stdout, "it says what it is")
        service = Service(site, "binds", {"run.sh": binds}, Exec="sh run.sh")
        service.completed(service.save("one\n", "file"), 2)
        check("run.sh" in service.ask(), "it answers")
        for name, program, text in (("python", "python3 app", python_state), ("shell", "sh app", shell_state)):
            service = Service(site, name, {"app": text}, Exec=program, Listen=None)
            until(lambda: waits_for_its_end(service), f"the {name} program has read its state")
            report = site.json("reload", name)
            equal((report["success"], report["statePreserved"]), (True, True), f"a reload: {report}")
            snapshot = site.json("snapshot", "list", name)[0]["id"]
            stored = site.json("snapshot", "show", name, snapshot)["data"]
            until(lambda: waits_for_its_end(service), f"the next {name} program has read its state")
            check(stored["count"] > 0, f"what it kept: {stored}")
            report = site.json("reload", name)
            snapshot = site.json("snapshot", "list", name)[0]["id"]
            check(site.json("snapshot", "show", name, snapshot)["data"]["count"] > stored["count"], "it went on")


if __name__ == "__main__":
    sys.exit(main())
