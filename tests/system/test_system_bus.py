#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The system bus: the policy that is installed, on a bus of the test's own that is as strict as the machine's, and the
units for systemd."""

import os
import pwd
import shutil
import subprocess
import sys

import as_user
from harness import BUILD, DEADLINE, NotRunHere, Site, check, equal, main, test, until, write
from services import Service, app
from system_site import system_site

MANAGER = ["--dest=org.hotreload.Manager", "/org/hotreload/Manager"]


@test("system-bus-only-root-changes-anything-and-everybody-may-look")
def policy():
    with system_site() as site:
        service = Service(site, "web")
        service.good(1)
        service.completed(service.save(app("2")), 2)
        equal(site.hrctl("reload", "web").returncode, 0, "reload as root")
        pid = service.pid
        hrctl = os.path.join(BUILD, "client", "hrctl", "hrctl")
        for words in (["list"], ["status"], ["--json", "status"]):
            result = site.as_nobody(hrctl, *words)
            equal(result.returncode, 0, f"{words}: {result.stderr}")
            check("web" in result.stdout, f"{words}:", result.stdout)
        for words in (["reload", "web"], ["stop", "web"], ["restart", "web"], ["start", "web"], ["rollback", "web"],
                      ["pause"], ["resume"], ["history"], ["releases", "web"], ["diff", "web", "1", "2"],
                      ["plan", "web"], ["snapshot", "list", "web"], ["snapshot", "create", "web"], ["remove", "web"],
                      ["daemon-reload"], ["reload-all"], ["reset-failed", "web"]):
            result = site.as_nobody(hrctl, *words)
            equal(result.returncode, 4, f"exit code of {words}: {result.stdout}{result.stderr}")
            check("not allowed" in result.stderr and "matched rules" not in result.stderr, f"{words}:", result.stderr)
        for words in (["org.freedesktop.DBus.Properties.GetAll", "string:org.hotreload.Manager"],
                      ["org.hotreload.Manager.GetHistory", "string:", "uint32:10"],
                      ["org.hotreload.Manager.NoSuchMethod"]):
            result = site.as_nobody("dbus-send", "--system", "--print-reply", *MANAGER, *words)
            check(result.returncode != 0 and "AccessDenied" in result.stderr, f"{words}:", result.stdout, result.stderr)
        result = site.as_nobody("dbus-send", "--system", "--print-reply", "--dest=org.hotreload.Manager",
                                "/org/hotreload", "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
        check("AccessDenied" in result.stderr, "GetManagedObjects:", result.stdout, result.stderr)
        result = site.as_nobody("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                                "org.freedesktop.DBus.RequestName", "string:org.hotreload.Manager", "uint32:3")
        check("AccessDenied" in result.stderr, "the name can be taken:", result.stdout, result.stderr)
        equal((service.pid, service.ask()), (pid, "2"), "what runs")


class Listener:
    """What an ordinary user hears of our signals, without being a monitor."""

    def __init__(self, site):
        user = pwd.getpwnam(as_user.USER)
        self.log = site.path("heard.log")
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(["gdbus", "monitor", "--system", "--dest", "org.hotreload.Manager"],
                                            env=site.environment, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, cwd="/", user=user.pw_uid, group=user.pw_gid,
                                            extra_groups=[])
        site.processes.append(self.process)

    def heard(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()


@test("system-bus-signals-tell-others-no-more-than-they-may-ask")
def signals():
    with system_site() as site:
        service = Service(site, "web", {"app.py": app(), "secret-name.py": "X = 1\n"})
        service.good(1)
        listener = Listener(site)
        until(lambda: "owned by" in listener.heard(), "the listener listens")
        service.failed(service.save("secret words(\n", "secret-name.py"), "check")
        # Nor does asking tell: not what failed, and not what waits.
        site.call("Pause", "string:web")
        service.save("Y = 2\n", "secret-name.py")
        until(lambda: site.status()["pending"], "the save is pending")
        result = site.as_nobody(os.path.join(BUILD, "client", "hrctl", "hrctl"), "--json", "status")
        check(result.returncode == 0 and "secret" not in result.stdout, "status of others:", result.stdout)
        mark = site.signals.mark()
        site.call("Resume", "string:web")
        service.completed(mark)
        mark = site.signals.mark()
        equal(site.hrctl("stop", "web").returncode, 0, "stop")
        site.signals.wait("ServiceStateChanged", "web", mark, lambda args: args[2] == "stopped")
        # The last of its signals that others may hear: all before it have come as well, or never will.
        until(lambda: "'stopped'" in listener.heard(), f"the state is heard of: {listener.heard()}")
        for word in ("secret", "FileChanged", "ReloadFailed", "PropertiesChanged", "InterfacesAdded"):
            check(word not in listener.heard(), f"{word!r} is heard by all:", listener.heard())


@test("units-are-what-systemd-understands")
def units():
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        raise NotRunHere("there is no systemd-analyze")
    with Site(daemon=False) as site:
        for kind in ("system", "user"):
            with open(os.path.join(BUILD, "data", f"hotreload.{kind}.service"), encoding="utf-8") as file:
                lines = file.read().splitlines()
            starts = [line for line in lines if line.startswith("ExecStart=")]
            equal([line.partition("/hotreloadd ")[2] for line in starts],
                  ["--system" if kind == "system" else "--session"], "options of the daemon")
            # The program where it is now: it need not be installed.
            program = os.path.join(BUILD, "daemon", "hotreloadd")
            lines = [f"ExecStart={program} {line.split()[-1]}" if line in starts else line for line in lines]
            unit = write(site.path("units", "hotreload.service"), "\n".join(lines) + "\n")
            result = subprocess.run([analyze, "verify", "--man=no", f"--{kind}", unit], capture_output=True, text=True,
                                    check=False, env=site.environment, timeout=DEADLINE)
            words = [line for line in (result.stdout + result.stderr).splitlines() if "hotreload" in line]
            equal((result.returncode, words), (0, []), f"systemd-analyze of the {kind} unit: {result.stderr}")


if __name__ == "__main__":
    sys.exit(main())
