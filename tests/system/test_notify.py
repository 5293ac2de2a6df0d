#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs say at $NOTIFY_SOCKET, in three languages, and what follows from it."""

import os
import shutil
import signal
import socket
import subprocess
import sys

from harness import Gate, Site, check, equal, is_alive, main, test, until
from services import PYTHON, Service, at_gate

# For programs whose language has no such sockets: says its arguments, a line each, and waits until they have been seen.
SAY = f'''#!/usr/bin/env -S {PYTHON}
import os, select, socket, sys
seen, end = os.pipe()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.connect(os.environ["NOTIFY_SOCKET"])
    notify.send("\\n".join(sys.argv[1:]).encode())
    socket.send_fds(notify, [b"BARRIER=1"], [end])
os.close(end)
select.select([seen], [], [])
'''

# Each takes two seconds to start and two to end, and asks for the time; then it says that it has done.
PATIENT = {
    "python": (f"{PYTHON} app.py", "app.py", '''import os, signal, socket, sys, time
def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
def work():
    for _ in range(5):
        say("EXTEND_TIMEOUT_USEC=2000000")
        time.sleep(0.4)
def leave(*_):
    work()
    open(DONE, "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
work()
say("READY=1\\nSTATUS=python is here")
while True:
    signal.pause()
'''),
    "node": ("node app.js", "app.js", '''const { execFileSync } = require("child_process")
const wait = time => new Promise(done => setTimeout(done, time))
const say = (...lines) => execFileSync("./say", lines)
async function work() {
  for (let n = 0; n < 5; n++) {
    say("EXTEND_TIMEOUT_USEC=2000000")
    await wait(400)
  }
}
process.on("SIGTERM", async () => {
  await work()
  require("fs").writeFileSync(DONE, "")
  process.exit(0)
})
setInterval(() => {}, 600000)
work().then(() => say("READY=1", "STATUS=node is here"))
'''),
    "sh": ("sh app.sh", "app.sh", '''work () {
  for n in 1 2 3 4 5; do
    ./say EXTEND_TIMEOUT_USEC=2000000
    sleep 0.4
  done
}
trap 'work; >DONE; exit 0' TERM
work
./say READY=1 "STATUS=sh is here"
while :; do
  sleep 600 & wait
done
'''),
}
LANGUAGES = [language for language in PATIENT if language != "node" or shutil.which("node")]


def with_say(site, name, files, **keys):
    """A service that is not started yet, with the tool beside its program."""
    service = Service(site, name, {**files, "say": SAY}, start=False, Listen=None, Ready="notify", **keys)
    os.chmod(service.path("say"), 0o755)
    return service


@test("pain-25-who-asks-for-more-time-to-start-and-to-end-gets-it-as-long-as-it-asks")
def patient():
    with Site() as site:
        services, done = [], {}
        for language in LANGUAGES:
            program, file, text = PATIENT[language]
            done[language] = site.path(language + ".done")
            text = text.replace("DONE", repr(done[language]))
            services.append(with_say(site, language, {file: text}, Exec=program, StartTimeout="1s", StopTimeout="1s"))
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        for service in services:
            service.running(mark)
            equal(service.shown["restarts"], 0, f"restarts of '{service.name}'")
            equal(site.service_property(service.name, "StatusText"), f"{service.name} is here", "status")
            check(f"Status: {service.name} is here" in site.hrctl("status", service.name).stdout, "hrctl status has it")
        result = site.hrctl("stop", *LANGUAGES)
        equal(result.returncode, 0, "stop: " + result.stderr)
        for service in services:
            check(os.path.exists(done[service.name]), f"'{service.name}' came to its end")
        check("was killed" not in site.daemon_log(), "nobody was killed:", site.daemon_log())


# It forks, and the one that was started ends, as old daemons do.
FORKING = {
    "python": (f"{PYTHON} app.py", "app.py", '''import os, signal, subprocess, sys
ready, told = os.pipe()
if os.fork() != 0:
    os.close(told)
    os.read(ready, 1)
    os._exit(0)
os.setsid()
subprocess.run(["./say", f"MAINPID={os.getpid()}", "READY=1"], check=True)
os.close(told)
while True:
    signal.pause()
'''),
    "sh": ("sh app.sh", "app.sh", '''rm -f told
(exec setsid sh -c './say "MAINPID=$$" READY=1; >told; while :; do sleep 600 & wait; done') &
while [ ! -e told ]; do sleep 0.01; done
'''),
}


@test("pain-11-the-process-that-is-named-as-the-main-one-is-followed-when-the-one-that-was-started-ends")
def forking():
    with Site() as site:
        services = [with_say(site, language, {file: text}, Exec=program, RestartDelay="10ms")
                    for language, (program, file, text) in FORKING.items()]
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        for service in services:
            service.running(mark)
            pid = service.pid
            until(lambda: os.getsid(pid) == pid, f"the second process of '{service.name}' is the main one")
            until(lambda: len([p for p, (s, _) in site.processes_of_services().items()
                               if s == service.name and os.getsid(p) != pid]) == 0, "the first one has ended")
            equal((service.shown["state"], service.shown["restarts"]), ("running", 0), "what its end meant")
            os.kill(pid, signal.SIGKILL)
            until(lambda: service.shown["pid"] not in (None, pid) and service.shown["state"] == "running",
                  f"another of '{service.name}' is there")
            equal((service.shown["restarts"], service.shown["ends"][0]["pid"], service.shown["ends"][0]["signal"]),
                  (1, pid, 9), "restarts, and the last end")
        pids = {service.name: service.pid for service in services}
        equal(site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")
        site.start_daemon()
        for service in services:
            equal((service.pid, service.shown["state"]), (pids[service.name], "running"), "the next daemon goes on with it")
            equal(site.hrctl("stop", service.name).returncode, 0, "stop")
            check(not is_alive(pids[service.name]), "it has ended")
        until(lambda: not site.left_over(), "no process of a service is left", 5)


@test("pain-11-a-number-that-is-another-process-s-is-neither-believed-nor-signalled")
def foreign():
    with Site() as site:
        victim = subprocess.Popen(["sleep", "600"])
        try:
            other = Service(site, "other")
            text = f'''import subprocess, time
for pid in ({victim.pid}, {other.pid}, {site.daemon.pid}, 1, 0, 4194304):
    subprocess.run(["./say", f"MAINPID={{pid}}"], check=True)
subprocess.run(["./say", "READY=1"], check=True)
time.sleep(600)
'''
            service = with_say(site, "liar", {"app.py": text}, Exec=f"{PYTHON} app.py")
            service.begin()
            with open(f"/proc/{service.pid}/cmdline", encoding="utf-8") as file:
                check("app.py" in file.read(), "the main process is its own")
            equal(site.hrctl("stop", "liar").returncode, 0, "stop")
            equal((victim.poll(), is_alive(other.pid), other.ask()), (None, True, "1"), "the others")
        finally:
            victim.kill()
            victim.wait()


@test("pain-11-what-a-stranger-says-at-the-socket-of-a-service-is-not-heard")
def stranger():
    with Site() as site:
        service = Service(site, "web")
        pid, address = service.pid, service.ask("/env/NOTIFY_SOCKET").replace("@", "\0")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            for words in ("STATUS=a stranger", f"MAINPID={os.getpid()}", "RELOADING=1", "STOPPING=1", "WATCHDOG=trigger"):
                notify.sendto(words.encode(), address)
        # In its order: when this is there, the others have been looked at.
        service.evaluate("(lambda s: s.sendto(b'STATUS=the program', os.environ['NOTIFY_SOCKET']))"
                         "(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))")
        until(lambda: site.service_property("web", "StatusText") == "the program", "what the program says is shown")
        shown = service.shown
        equal((shown["state"], shown["pid"], shown["restarts"]), ("running", pid, 0), "what the stranger changed")


TALKING = '''import os, signal, socket, sys, time
def say(*lines):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto("\\n".join(lines).encode(), os.environ["NOTIFY_SOCKET"])
def reload(*_):
    say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
    GATE
    say("READY=1")
def leave(*_):
    say("STOPPING=1", "STATUS=leaving")
    GATE
    sys.exit(0)
def fail(*_):
    say("ERRNO=98", "STATUS=no address")
    sys.exit(1)
for number, handler in ((signal.SIGHUP, reload), (signal.SIGUSR1, leave), (signal.SIGUSR2, fail)):
    signal.signal(number, handler)
say("READY=1", "X_UNKNOWN=1")
while True:
    signal.pause()
'''


@test("a-program-shows-as-reloading-and-stopping-while-it-says-so-and-its-ERRNO-is-in-the-failure")
def talking():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "talking", {"app.py": TALKING.replace("GATE", at_gate(gate).strip())}, Listen=None,
                          Ready="notify", RestartDelay="10ms")
        service.good(1)
        pid = service.pid
        for _ in range(2):
            mark = site.signals.mark()
            os.kill(pid, signal.SIGHUP)
            site.wait_state("talking", "reloading", mark)
            gate.release()
            site.wait_state("talking", "running", mark)
        equal(service.pid, pid, "PID")
        mark = site.signals.mark()
        os.kill(pid, signal.SIGUSR2)
        site.signals.wait("ServiceStateChanged", "talking", mark, lambda args: args[2] == "running")
        end = service.shown["ends"][0]
        check("(ERRNO=98: " in end["text"] and end["exitStatus"] == 1, "the last end:", end)
        check("(ERRNO=98: " in site.daemon_log(), "the log has it, too")
        mark = site.signals.mark()
        os.kill(service.pid, signal.SIGUSR1)
        site.wait_state("talking", "stopping", mark)
        equal(site.service_property("talking", "StatusText"), "leaving", "status")
        gate.release()
        site.wait_state("talking", "stopped", mark)
        equal(service.shown["error"], None, "error")


WATCHDOG = '''import os, signal, socket, time
def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
assert os.environ["WATCHDOG_USEC"] == "500000" and int(os.environ["WATCHDOG_PID"]) == os.getpid()
signal.signal(signal.SIGUSR1, lambda *_: say("WATCHDOG_USEC=100000"))
say("WATCHDOG=1")
say("WATCHDOG_USEC=600000000")
say("READY=1")
while True:
    signal.pause()
'''


@test("a-program-may-set-the-interval-of-its-watchdog")
def watchdog_interval():
    with Site() as site:
        service = Service(site, "watched", {"app.py": WATCHDOG},
                          {"Health": {"Probe": "watchdog", "Interval": "500ms", "Failures": "1"}}, Listen=None,
                          Ready="notify", RestartDelay="10ms")
        pid = service.pid
        until(lambda: (service.shown["uptimeUsec"] or 0) > 1600000, "three of the intervals of the file have passed")
        equal((service.pid, service.shown["health"], service.shown["restarts"]), (pid, "healthy", 0), "it is left alone")
        os.kill(pid, signal.SIGUSR1)
        until(lambda: service.shown["restarts"] == 1, "it is started again")
        check("did not report WATCHDOG=1 within 100ms" in site.daemon_log(), "why:", site.daemon_log())


if __name__ == "__main__":
    sys.exit(main())
