#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases that broke earlier systems, each under its number and name, with the real daemon and real programs."""

import os
import sys
import time

from harness import (Gate, Load, Site, answers, check, equal, is_alive, main, select_nothing, test, until,
                     write_atomic)
from services import PYTHON, BuiltExample, Example, Service, app, at_gate

LANGUAGES = ("python", "node", "c")


def is_live(site, service, version, old_pid):
    """What must be true when ReloadCompleted has just come: looked at once, without waiting."""
    equal(service.ask("/version" if isinstance(service, Example) else "/"), version, "the first answer after the signal")
    check(service.pid != old_pid, "the PID is a new one")
    check(not is_alive(old_pid), "where state passes, the old process has ended")


for language in LANGUAGES:
    @test(f"case-01-new-pid-and-behaviour-before-ReloadCompleted: {language}")
    def case_01(language=language):
        with Site() as site:
            service = Example(site, language)
            old = service.pid
            mark = service.save(service.version("2"))
            event = service.completed(mark, 2, drained=False)
            is_live(site, service, "2", old)
            check(event["args"][3] < 1000000, "the downtime is measured:", event["args"][3])


@test("case-02-two-saves-300-ms-apart-are-one-reload", alike=True)
def case_02():
    with Site() as site:
        service = Service(site, "two", {"app.py": app(), "other.py": "X = 1\n"}, {"Watch": {"Settle": "500ms"}})
        mark = service.save(app("2"))
        select_nothing(0.3)
        service.save("X = 2\n", "other.py")
        event = service.completed(mark, 2)
        # What else the two saves could have caused would come before the effect of a third.
        third = service.save(app("3"))
        service.completed(third, 3)
        reloads = site.signals.seen("ReloadCompleted|ReloadFailed", "two", mark)
        equal(len(reloads), 2, "reloads of three saves")
        equal(sorted(event["args"][4]["files"]), ["app.py", "other.py"], "files of the first reload")


@test("case-03-a-save-during-a-reload-gives-a-second-one-with-the-final-content")
def case_03():
    with Site() as site:
        gate = Gate(site)
        service = Service(site, "during")
        mark = service.save(app("2", early=at_gate(gate)))
        gate.arrived()
        # The candidate is being started: whatever is saved now is not in it.
        for version in ("3", "4", "5"):
            service.save(app(version))
        # The source settles while the reload is still under way, and nobody can act on it.
        select_nothing(0.2)
        gate.release()
        first = service.completed(mark, 2, drained=False)
        second = site.signals.wait("ReloadCompleted|ReloadFailed", "during", site.signals.events.index(first) + 1)
        equal(second["signal"], "ReloadCompleted", "the second")
        until(lambda: service.ask() == "5", "the final content serves")
        equal(service.releases[-1]["number"], second["args"][2], "releases")


@test("case-04-three-atomic-saves-600-ms-apart-are-all-seen", alike=True)
def case_04():
    with Site() as site:
        service = Service(site, "atomic")
        for number in (2, 3, 4):
            began = time.monotonic()
            mark = site.signals.mark()
            write_atomic(service.path("app.py"), app(str(number)))
            event = service.completed(mark, number)
            equal(event["args"][4]["files"], ["app.py"], "files")
            equal(service.ask(), str(number), "answer")
            select_nothing(max(0, began + 0.6 - time.monotonic()))


@test("case-05-a-save-in-the-first-second-of-the-daemon-is-seen")
def case_05():
    with Site() as site:
        services = [Service(site, f"early-{number}", start=False) for number in range(6)]
        site.hrctl("daemon-reload", "--no-wait")
        for service in services:
            site.wait_state(service.name, "running")
            service.good(1)
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        began = time.monotonic()
        site.start_daemon(expect_ready=False)
        for number, service in enumerate(services):
            select_nothing(max(0, began + 0.16 * number - time.monotonic()))
            service.save(app("saved"))
        for service in services:
            until(lambda service=service: answers(service.port, "saved"), f"the save of '{service.name}' is live")
            equal(service.releases[-1]["number"], 2, "release")


BROKEN = {"python": ("def broken(:\n", "SyntaxError"), "node": ("\nfunction broken( {\n", "SyntaxError"),
          "c": ("\nint broken (\n", "error: ")}

for language in LANGUAGES:
    @test(f"case-06-broken-syntax-changes-no-pid-and-fails-with-the-compilers-words: {language}")
    def case_06(language=language):
        with Site() as site:
            service = Example(site, language)
            service.ask("/grow")
            old = service.pid
            text, words = BROKEN[language]
            mark = service.save(service.text + text)
            event = service.failed(mark, "check")
            check(words in event["args"][3], "the compiler's own words:", event["args"][3])
            check(service.main in event["args"][3], "the file's name:", event["args"][3])
            equal(service.pid, old, "PID")
            equal(service.being()["currentLevel"], 2, "state")
            check(words in site.history(language)[0]["error"], "the history has them, too")
            equal((service.releases[-1]["fate"], service.releases[-1]["phase"]), ("rejected", "check"), "release 2")


# Half a second after it can serve: what comes before that takes its time on a slow machine.
EXITS = {"python": ('notify(b"READY=1")\n', 'notify(b"READY=1")\n    import threading\n'
                    '    threading.Timer(0.5, lambda: os._exit(1)).start()\n'),
         "node": ("  if (listenerPassed())", "  setTimeout(() => process.exit(1), 500)\n  if (listenerPassed())"),
         "c": ('  notify ("READY=1");\n', '  notify ("READY=1");\n'
               '  g_timeout_add (500, (GSourceFunc)(void (*) (void))_exit, GINT_TO_POINTER (1));\n')}

for language in LANGUAGES:
    @test(f"case-07-new-code-that-exits-1-after-half-a-second-is-rolled-back-with-state: {language}")
    def case_07(language=language):
        with Site() as site:
            service = Example(site, language, groups={"PostCheck": {"RollbackAfter": "5s"}})
            service.save(service.version("2"))
            site.signals.wait("ReloadCompleted", language, 0, lambda args: args[2] == 2)
            for _ in range(3):
                service.ask("/grow")
            old, new = EXITS[language]
            check(old in service.text, "the example has the place for the fault")
            mark = service.save(service.version("3").replace(old, new, 1))
            service.completed(mark, 3)
            event = site.signals.wait("RolledBack", language, mark)
            equal(event["args"][1:3], [3, 2], "rolled back from and to")
            equal(service.ask("/version"), "2", "answer")
            equal(service.being()["currentLevel"], 4, "state")
            equal(service.releases[-1]["fate"], "rejected", "fate of release 3")
            equal(site.history(language)[0]["trigger"], "rollback", "trigger in the history")
            equal(service.shown["release"], 2, "running release")


for language in LANGUAGES:
    @test(f"case-09-twenty-reloads-under-load-fail-no-request-and-change-no-other-pid: {language}",
          alike=language != "c")
    def case_09(language=language):
        with Site() as site:
            services = {name: BuiltExample(site, name) if name == "c" else Example(site, name) for name in LANGUAGES}
            service = services.pop(language)
            before = {name: other.pid for name, other in services.items()}
            load = Load(service.port, 20, "/version")
            others = [Load(other.port, 1, "/version") for other in services.values()]
            pids = {service.pid}
            for number in range(2, 22):
                mark = service.save(service.version(str(number)))
                service.completed(mark, number, drained=False)
                pids.add(service.pid)
            failures = load.stop() + [failure for other in others for failure in other.stop()]
            equal(failures, [], f"failures of {load.count} requests")
            equal(len(pids), 21, "processes of 20 reloads")
            check(load.count > 200, "there was load:", load.count)
            check(all(other.count > 20 for other in others), "the others had load, too")
            equal({name: other.pid for name, other in services.items()}, before, "PIDs of the others")
            equal(service.ask("/version"), "21", "answer")


@test("case-10-stop-and-status-from-another-process-act-on-the-one-daemon", alike=True)
def case_10():
    with Site() as site:
        second = site.start_daemon_beside()
        service = Service(site, "one")
        pid = service.pid
        equal(int(service.ask("/pid")), pid, "the PID that status shows")
        # Nothing but the bus's address: another shell of the same user.
        elsewhere = {"DBUS_SESSION_BUS_ADDRESS": site.environment["DBUS_SESSION_BUS_ADDRESS"], "PATH": "/usr/bin:/bin",
                     "HOME": "/"}
        result = site.hrctl("stop", "one", env=elsewhere, cwd="/")
        equal(result.returncode, 0, result.stderr)
        check(not is_alive(pid), "the process has ended")
        result = site.hrctl("--json", "status", env=elsewhere, cwd="/")
        check('"stopped"' in result.stdout, "status says so:", result.stdout)
        equal(site.hrctl("start", "one", env=elsewhere, cwd="/").returncode, 0, "start")
        check(service.pid not in (pid, None), "it runs again")
        equal(second.wait(30), 1, "a second daemon on the same state directory gives up")


@test("case-13-globs-reach-every-depth-and-the-root", alike=True)
def case_13():
    with Site() as site:
        files = {"app.py": app(), "node_modules/a/b/c.js": "1\n", "x.test.js": "1\n", "deep/er/y.test.js": "1\n",
                 "deep/er/z.js": "1\n"}
        service = Service(site, "globs", files, {"Watch": {"Ignore": "**/*.test.js"}})
        mark = site.signals.mark()
        for path in ("node_modules/a/b/c.js", "node_modules/new.js", "x.test.js", "deep/er/y.test.js"):
            service.save("2\n", path)
        # Each of these must be seen, and nothing of the above with it.
        service.save("2\n", "deep/er/z.js")
        event = service.completed(mark, 2)
        equal(event["args"][4]["files"], ["deep/er/z.js"], "files of the reload")
        service.completed(service.save(app("3")), 3)
        equal(len(site.signals.seen("ReloadStarted", "globs", mark)), 2, "reloads")


HOOK = "import os\nopen({!r}, 'a').write(__file__)\n"
# Modules that a checker needs itself, and places where programs say what is to be run.
HOOKS = ("ast.py", "tokenize.py", "json.py", "codecs.py", "sitecustomize.py", "usercustomize.py", "conftest.py",
         "setup.py", "__init__.py", "package/__init__.py")


@test("case-15-validation-runs-no-hook-of-the-service-and-no-code-inside-the-daemon")
def case_15():
    with Site() as site:
        ran = site.path("ran")
        service = Service(site, "hooks", {"app.py": app(), "x.js": "let a = 1\n", "y.mjs": "let a = 1\n",
                                          "z.sh": "true\n"})
        # All at once: which of them are in one change set must not depend on the machine.
        equal(site.hrctl("pause", "hooks").returncode, 0, "pause")
        mark = site.signals.mark()
        for path in HOOKS:
            service.save(HOOK.format(ran), path)
        write_js = f"require('fs').appendFileSync({ran!r}, __filename)\n"
        for path in ("x.js", "fs.js", "vm.js", "node_modules/vm/index.js", "index.js"):
            service.save(write_js, path)
        service.save(f"import fs from 'fs'\nfs.appendFileSync({ran!r}, 'y')\n", "y.mjs")
        service.save(f'{{"scripts": {{"prepare": "touch {ran}", "test": "touch {ran}"}}, "type": "commonjs"}}\n',
                     "package.json")
        service.save(f"touch {ran}\n", "z.sh")
        service.save(f"$(touch {ran})\n", ".bashrc")
        # One of them is wrong, so that none is started: what runs now was run by the checks.
        service.save("broken(\n", "broken.py")
        equal(site.hrctl("resume", "hooks").returncode, 0, "resume")
        event = service.failed(mark, "check")
        check("broken.py" in event["args"][3], "it is this one that is wrong:", event["args"][3])
        with open(f"/proc/{site.daemon.pid}/maps", encoding="utf-8") as file:
            check(site.root not in file.read(), "the daemon maps nothing of the service")
        result = site.hrctl("check", os.path.join(site.config, "services.d", "hooks.conf"))
        equal(result.returncode, 0, f"hrctl check: {result.stdout}{result.stderr}")
        check(not os.path.exists(ran), "hooks ran:", os.path.exists(ran) and open(ran, encoding="utf-8").read())


@test("case-16-an-unknown-method-service-or-option-is-an-error", alike=True)
def case_16():
    with Site() as site:
        Service(site, "known")
        for words, code in ((["reload", "unknown"], 10), (["start", "unknown"], 10), (["stop", "unknown"], 10),
                            (["status", "unknown"], 10), (["releases", "unknown"], 10), (["plan", "unknown"], 10),
                            (["history", "unknown"], 10), (["pause", "unknown"], 10), (["diff", "unknown"], 10),
                            (["reset-failed", "unknown"], 10), (["reset-failed"], 2),
                            (["logs", "unknown"], 10), (["rollback", "known", "--to=99"], 10),
                            (["snapshot", "show", "known", "nothing"], 10), (["diff", "known", "98", "99"], 10),
                            (["reload", "known", "--nonsense"], 2), (["--nonsense", "status"], 2), (["nonsense"], 2),
                            (["reload"], 2), ([], 2), (["rollback", "known", "--to=x"], 2)):
            result = site.hrctl(*words)
            equal(result.returncode, code, f"hrctl {words}: {result.stdout}{result.stderr}")
            check(result.stderr.strip(), "hrctl", words, "says why")
        for method, arguments, error in (
                ("Nonsense", [], "UnknownMethod"), ("Reload", ["string:unknown"], "NoSuchService"),
                ("Rollback", ["string:known", "uint64:99"], "NoSuchRelease"),
                ("RestoreSnapshot", ["string:known", "string:nothing"], "NoSuchSnapshot"),
                ("ReloadWithOptions", ["string:known", "dict:string:string:"], "InvalidArgs"),
                ("ResetFailed", ["string:unknown"], "NoSuchService"),
                ("Reload", ["uint32:1"], "InvalidArgs"), ("Reload", [], "InvalidArgs")):
            result = site.dbus_send(method, *arguments)
            check(result.returncode != 0 and error in result.stderr, method, "fails with", error, result.stderr)
        result = site.gdbus("ReloadWithOptions", "'known'", "{'nonsense': <1>}")
        check(result.returncode != 0 and "InvalidArgument" in result.stderr and "nonsense" in result.stderr,
              "an unknown option is named:", result.stderr)
        for words in (["--nonsense"], ["operand"]):
            status, text = site.run_daemon_alone(*words)
            check(status not in (0, None), "hotreloadd", words, "fails:", text)


ORPHANS = '''
import subprocess, time
# A child in the group, one in a session of its own, one whose parent is gone, and one that does not care for SIGTERM.
BODY = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({!r}, 'a').write('x'); time.sleep(600)"
subprocess.Popen(["sleep", "600"])
subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.Popen(["sh", "-c", "setsid sleep 600 & exit 0"])
subprocess.Popen([sys.executable, "-S", "-c", BODY.format(PATH)], start_new_session=True)
while not os.path.exists(PATH):
    time.sleep(0.005)
'''


def no_orphan(start):
    with Site(daemon=False, arguments=["--on-exit=stop"]) as site:
        start(site)
        early = f"PATH = {site.path('stubborn')!r}\n" + ORPHANS
        Service(site, "tree", {"app.py": app(early=early)})
        Service(site, "deaf", {"app.py": app(early="signal.signal = lambda *_: None\n"
                                                   "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n")},
                StopTimeout="300ms")
        check(len(site.left_over()) >= 6, "the services and their children run:", site.left_over())
        equal(site.stop_daemon(), 0, "exit status of the daemon")
        until(lambda: not site.left_over(), "no process of a service is left", 2)


@test("case-17-stopping-the-daemon-with-the-stop-policy-leaves-no-orphan")
def case_17():
    no_orphan(Site.start_daemon)


@test("case-17-also-without-control-groups")
def case_17_without_groups():
    no_orphan(Site.start_daemon_without_groups)


@test("case-18-a-service-that-exits-0-follows-its-restart-policy")
def case_18():
    with Site() as site:
        text = "import os, sys\nopen(sys.argv[1] + '.runs', 'a').write('x')\nopen(sys.argv[1]).read()\n"
        gates, services = {}, {}
        for policy in ("always", "on-failure", "no"):
            gates[policy] = Gate(site, "gate-" + policy)
            services[policy] = Service(site, policy, {"app.py": text}, start=False, Restart=policy, Listen=None,
                                       Exec=f"{PYTHON} app.py {gates[policy].path}", Ready="delay:20ms",
                                       RestartDelay="10ms")
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        for policy, service in services.items():
            service.running(mark)
            service.good(1)
        mark = site.signals.mark()
        for policy in services:
            gates[policy].release()
        for policy in ("on-failure", "no"):
            site.signals.wait("ServiceStateChanged", policy, mark, lambda args: args[2] == "stopped")
            equal((services[policy].shown["restarts"], services[policy].pid), (0, None), f"restarts of '{policy}'")
        gates["always"].arrived()
        until(lambda: services["always"].shown["restarts"] == 1, "'always' was started again")
        gates["always"].release()
        gates["always"].arrived()
        for policy in ("on-failure", "no"):
            with open(gates[policy].path + ".runs", encoding="utf-8") as file:
                equal(file.read(), "x", f"runs of '{policy}'")


@test("case-20-touch-gives-no-reload", alike=True)
def case_20():
    with Site() as site:
        service = Service(site, "touched", {"app.py": app(), "deep/x.py": "X = 1\n"})
        pid, mark = service.pid, site.signals.mark()
        os.utime(service.path("app.py"))
        os.utime(service.path("deep"))
        service.save("X = 1\n", "deep/x.py")
        write_atomic(service.path("app.py"), app())
        until(lambda: site.status()["pending"] == [], "the touches have been looked at")
        # Whatever the touches could have caused comes before the effect of a real save.
        event = service.completed(service.save("X = 2\n", "deep/x.py"), 2)
        equal(event["args"][4]["files"], ["deep/x.py"], "files")
        equal(len(site.signals.seen("ReloadStarted", "touched", mark)), 1, "reloads")
        check(service.pid != pid, "the save was live")
        equal([entry["release"] for entry in site.history("touched")], [2, 1], "history")


if __name__ == "__main__":
    sys.exit(main())
