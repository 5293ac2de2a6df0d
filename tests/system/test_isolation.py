#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""With which rights and limits a program runs: what its service file says is what it sees, over reloads and with its
state, and what cannot be had is no start but a reason."""

import os
import pwd
import signal
import subprocess
import sys

import as_user
from harness import BUILD, NotRunHere, Site, check, equal, main, test
from http_client import Load
from services import Service, app
from system_site import system_site


def need_mounts():
    helper = os.path.join(BUILD, "daemon", "exec", "hotreload-exec")
    trial = subprocess.run([helper, "--probe-view"], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        raise NotRunHere(trial.stderr.strip())


# Says as a number what comes of writing a file.
WRITES = """def writes(path):
    try:
        open(path, "w").close()
        return 0
    except OSError as error:
        return error.errno
"""


@test("limits-are-those-of-the-service-file-for-program-and-build")
def limits():
    with Site() as site:
        service = Service(site, "web", LimitNOFILE="200:300", LimitCORE="0", LimitAS="4G", Nice="5", UMask="027",
                          groups={"Check": {"Build": "sh -c 'ulimit -n >built; umask >>built; nice >>built'"}})
        seen = "(__import__('resource').getrlimit({}))"
        for version in ("1", "2"):
            if version == "2":
                service.good(1)
                service.completed(service.save(app(version)), 2)
            equal(service.ask(), version, "what answers")
            equal(service.evaluate(seen.format(7)), "(200, 300)", "LimitNOFILE")
            equal(service.evaluate(seen.format(4)), "(0, 0)", "LimitCORE")
            equal(service.evaluate(seen.format(9)), f"({4 << 30}, {4 << 30})", "LimitAS")
            equal(service.evaluate("os.nice(0)"), "5", "Nice")
            equal(service.evaluate("oct(os.umask(0o27))"), "0o27", "UMask")
            equal(service.evaluate("open('built').read().split()"), "['200', '0027', '5']", "what Build had")
            check("NoNewPrivs:\t1" in service.evaluate("open('/proc/self/status').read()"), "new privileges")
        mark = site.signals.mark()
        service.groups["Service"]["NoNewPrivileges"] = "no"
        service.write_file()
        equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
        service.completed(mark)
        check("NoNewPrivs:\t0" in service.evaluate("open('/proc/self/status').read()"), "new privileges with no")


@test("private-tmp-and-read-only-system-are-what-the-program-sees-and-its-state-is-kept")
def protected():
    need_mounts()
    with Site() as site:
        outside = site.path("outside")
        other = site.path("other")
        os.mkdir(other)
        service = Service(site, "web", {"app.py": app(keep=True, early=WRITES), "data/.gitignore": "*\n", "data/rows": "1\n",
                                        ".gitignore": "data/\n"},
                          PrivateTmp="yes", ProtectSystem="strict", ReadWritePaths=other, Share="auto")
        service.good(1)
        for version in ("1", "2"):
            if version == "2":
                service.completed(service.save(app(version, keep=True, early=WRITES)), 2)
            equal(service.ask(), version, "what answers")
            service.ask("/grow")
            for path, errno in ((outside, 0), ("/etc/hotreload-test", 30), ("/var/hotreload-test", 30), ("/tmp/own", 0),
                                (service.path("written"), 0), (service.path("data", "own"), 0), (other + "/own", 0)):
                if os.geteuid() != 0 and path.startswith(("/etc", "/var")):
                    check(service.evaluate(f"writes({path!r})") in ("13", "30"), f"{path} can be written")
                else:
                    equal(service.evaluate(f"writes({path!r})"), str(errno), f"errno of writing {path}")
            check("own" in service.evaluate("os.listdir('/tmp')"), "/tmp of the program")
        equal(service.ask("/count"), "2", "the count over the reload")
        check(not os.path.exists("/tmp/own") and not os.path.exists(outside), "it wrote where others see it")
        check(os.path.exists(service.path("data", "own")), "what is shared was not written in the source")
        check(os.path.exists(other + "/own"), "ReadWritePaths was not written")


@test("what-cannot-be-had-is-no-start-and-the-reason-names-the-key")
def refused():
    need_mounts()
    cases = [({"ProtectSystem": "strict", "ReadWritePaths": "/no/such/path"}, ("ProtectSystem", "'/no/such/path'"))]
    if os.geteuid() != 0:
        cases += [({"Nice": "-5"}, ("Nice", "'-5'", "only root")),
                  ({"LimitNOFILE": "infinity"}, ("LimitNOFILE", "only root may raise it"))]
    with Site() as site:
        for number, (keys, words) in enumerate(cases):
            name = f"web{number}"
            service = Service(site, name, start=False, Restart="no", **keys)
            service.write_file()
            mark = site.signals.mark()
            site.hrctl("daemon-reload", "--no-wait")
            site.signals.wait("ServiceStateChanged", name, mark, lambda args: args[2] == "failed")
            for word in words:
                check(word in (service.shown["error"] or ""), f"{keys}:", service.shown["error"])


@test("a-service-of-another-user-is-reloaded-under-load-and-keeps-its-state")
def other_user():
    with system_site() as site:
        user = pwd.getpwnam(as_user.USER)
        for view in ("source", "slot"):
            service = Service(site, "web-" + view, {"app.py": app(keep=True, early=WRITES), "lib/a.py": "A = 1\n"},
                              User=user.pw_name, View=view, Exec="/usr/bin/python3 -S app.py",
                              groups={"Check": {"Build": "/bin/sh -c 'id -un >built'"}})
            service.good(1)
            load = Load(service.port, connections=4)
            for version in (2, 3):
                service.ask("/grow")
                service.completed(service.save(app(str(version), keep=True, early=WRITES)), version)
                equal(service.ask(), str(version), "what answers")
            equal(load.stop(), [], "what failed under load")
            equal(service.ask("/count"), "2", "the count over two reloads")
            equal(service.evaluate("(os.getresuid(), os.getresgid(), os.getgroups())"),
                  f"({(user.pw_uid,) * 3}, {(user.pw_gid,) * 3}, {[user.pw_gid]})", "who it is")
            equal(service.evaluate("(os.environ['USER'], os.environ['HOME'])"), str((user.pw_name, user.pw_dir)),
                  "who it is told to be")
            equal(service.evaluate("open('built').read()").strip(), user.pw_name, "as whom Build ran")
            equal(service.evaluate("[os.stat(path).st_uid for path in ('.', 'app.py', 'lib', 'lib/a.py')]"),
                  str([user.pw_uid] * 4), "whose the files in the slot are")
            equal(service.evaluate("(writes('made'), writes('lib/made'))"), "(0, 0)", "errno of writing in the slot")
            check(service.evaluate(f"writes({site.path('made')!r})") == "13", "it may write what is root's")
            # Others pass through the daemon's directories, and see nothing there.
            for path in ("", "logs", "slots", "snapshots", "store.git", "exchange/web-" + view):
                result = site.as_nobody("ls", os.path.join(site.state, path))
                check(result.returncode != 0, f"{path} of the state directory can be listed:", result.stdout)
            # The next daemon knows whom to listen to.
            pid = service.pid
            site.stop_daemon(signal.SIGKILL)
            site.start_daemon()
            site.wait_state(service.name, "running")
            equal(service.pid, pid, "the process after the death of the daemon")
            service.completed(service.save(app("4", keep=True, early=WRITES)), 4)
            equal((service.ask(), service.ask("/count")), ("4", "2"), "what answers, and the count")
            # The same code for others, the last of them root: what was placed for somebody else is placed anew.
            for name in ("daemon", ""):
                mark = site.signals.mark()
                service.groups["Service"]["User"] = name
                service.write_file()
                equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
                service.completed(mark)
                equal(service.evaluate("os.getuid()"), str(pwd.getpwnam(name or "root").pw_uid), "who it is then")
            equal(service.evaluate("[os.getuid()] + [os.stat(path).st_uid for path in ('.', 'app.py', 'lib/a.py')]"),
                  "[0, 0, 0, 0]", "who it is, and whose its files")
            equal(service.ask("/count"), "2", "the count for another user")


@test("a-user-that-cannot-be-had-makes-the-file-invalid-and-the-reason-says-why")
def no_such_user():
    keys, words = {"User": "nobody"}, ("User", "system bus")
    if os.geteuid() == 0:
        keys, words = {"User": "no-such-user"}, ("User", "there is no such user")
    with Site() as site:
        service = Service(site, "web", start=False, **keys)
        site.hrctl("daemon-reload", "--no-wait")
        equal(service.shown["state"], "invalid", "state")
        for word in words:
            check(word in service.shown["error"], "its error:", service.shown["error"])


if __name__ == "__main__":
    sys.exit(main())
