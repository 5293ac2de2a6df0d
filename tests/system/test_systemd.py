#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon as a unit of a real systemd, on a real system bus; run by booted.py."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
# pylint: disable=wrong-import-position
from booted import UNITS
from harness import BUILD, DEADLINE, answers, check, equal, free_port, is_alive, main, test, until, write
from services import Service, app
from storm import Storm
from unit_site import UNIT, UnitSite, group_of, show, systemctl

def reload_bus():
    """What is in its directories is read again."""
    subprocess.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                    "org.freedesktop.DBus.ReloadConfig"], capture_output=True, check=True, timeout=DEADLINE)


@test("under-systemd: the unit is ready when its services can be asked, each in a group below the unit's")
def unit():
    with UnitSite() as site:
        equal((show("ActiveState"), show("SubState")), ("active", "running"), "the unit")
        service = Service(site, "web")
        service.good(1)
        service.completed(service.save(app("2")), 2)
        equal(service.ask(), "2", "answer")
        top = "/system.slice/" + UNIT
        groups = {pid: group_of(pid) for pid in (int(show("MainPID")), service.pid)}
        equal(show("ControlGroup"), top, "the unit's group")
        # The daemon itself makes room above the groups of services only where it switches controllers on for them.
        daemon, group = (group_of(pid) for pid in (int(show("MainPID")), service.pid))
        check((daemon + "/").startswith(top + "/"), "the daemon's group:", daemon)
        check(group.startswith(top + "/hotreload-") and "/web." in group, "the service's group:", group)
        shown = site.status()["daemon"]["cgroup"].removeprefix("/sys/fs/cgroup")
        check(shown.startswith(top + "/hotreload-") and group.startswith(shown + "/"), "the groups' group:", shown)


@test("under-systemd: who starts a service starts the daemon as its unit, who asks does not")
def activation():
    with UnitSite(daemon=False) as site:
        site.write_units()
        with open(os.path.join(BUILD, "data", "org.hotreload.Manager.system.service"), encoding="utf-8") as file:
            write("/usr/share/dbus-1/system-services/org.hotreload.Manager.service", file.read())
        reload_bus()
        service = Service(site, "web", start=False)
        equal(site.hrctl("status").returncode, 8, "status, which starts nothing")
        equal(show("ActiveState"), "inactive", "the unit before")
        result = site.hrctl("start", "web")
        equal((result.returncode, show("ActiveState")), (0, "active"), f"start of a service: {result.stderr}")
        equal(service.ask(), "1", "answer")
        os.unlink("/usr/share/dbus-1/system-services/org.hotreload.Manager.service")
        reload_bus()


@test("under-systemd: promise-7-the-daemon-may-die: it is started again, same process, no request is lost")
def dies():
    with UnitSite() as site, Storm(site, "python", "adopt", connections=4) as storm:
        for _ in range(3):
            daemon, pid = int(show("MainPID")), site.service(storm.name)["pid"]
            systemctl("kill", "--kill-whom=main", "--signal=KILL", UNIT)
            until(lambda: show("ActiveState") == "active" and int(show("MainPID")) not in (0, daemon),  # pylint: disable=cell-var-from-loop
                  "systemd has started the next daemon")
            equal(site.service(storm.name)["pid"], pid, "the service's process")
            storm.reload()
        storm.end()


@test("under-systemd: a restart and a stop of the unit end no service, and the next daemon goes on with it")
def restarted():
    with UnitSite() as site, Storm(site, "c", "pass", connections=4) as storm:
        pid = site.service(storm.name)["pid"]
        systemctl("restart", UNIT)
        equal(site.service(storm.name)["pid"], pid, "the process after a restart")
        systemctl("stop", UNIT)
        check(is_alive(pid) and answers(storm.port, "1"), "the service serves without the daemon")
        systemctl("start", UNIT)
        equal(site.service(storm.name)["pid"], pid, "the process after a stop and a start")
        storm.reload()
        storm.end()


@test("under-systemd: the daemon is re-executed under load: the unit stays active, with the same main process")
def reexecuted():
    with UnitSite() as site, Storm(site, "python", "pass", connections=4) as storm:
        daemon, pid = show("MainPID"), site.service(storm.name)["pid"]
        since = show("ActiveEnterTimestampMonotonic")
        for _ in range(5):
            result = site.hrctl("daemon-reexec")
            equal(result.returncode, 0, f"daemon-reexec: {result.stderr}")
            equal((show("MainPID"), site.service(storm.name)["pid"]), (daemon, pid), "processes")
            equal((show("ActiveState"), show("ActiveEnterTimestampMonotonic")), ("active", since), "the unit")
        storm.reload()
        storm.end()


@test("under-systemd: systemctl reload reads the configuration again")
def configuration():
    with UnitSite() as site:
        mark = site.signals.mark()
        service = Service(site, "web", start=False)
        systemctl("reload", UNIT)
        service.running(mark)
        equal(service.ask(), "1", "answer")


def in_journal(*matches):
    result = subprocess.run(["journalctl", "--output=json", "--quiet", *matches], capture_output=True, text=True,
                            check=False, timeout=DEADLINE)
    return [json.loads(line) for line in result.stdout.splitlines()]


@test("under-systemd: the journal has the lines of services, by service and release")
def journal():
    with UnitSite() as site:
        files = {"app.py": "print('said by 1', flush=True)\n" + app()}
        service = Service(site, "talk", files)
        service.good(1)
        service.completed(service.save("print('said by 2', flush=True)\n" + app("2")), 2)
        until(lambda: len(in_journal("HOTRELOAD_SERVICE=talk")) == 2, "both lines are in the journal")
        for release in ("1", "2"):
            entry, = in_journal("HOTRELOAD_SERVICE=talk", f"HOTRELOAD_RELEASE={release}")
            equal((entry["MESSAGE"], entry["SYSLOG_IDENTIFIER"]), (f"said by {release}", "talk"), "entry")
            equal(entry["_SYSTEMD_UNIT"], UNIT, "unit of the entry")


@test("under-systemd: sockets of a socket unit are handed on, and kept while the unit is started again")
def sockets():
    port = free_port()
    write(os.path.join(os.environ[UNITS], "hotreload.socket"), f"[Socket]\nListenStream=127.0.0.1:{port}\n"
          "FileDescriptorName=http\n")
    with UnitSite(daemon=False) as site:
        try:
            site.write_units(Sockets="hotreload.socket")
            systemctl("start", "hotreload.socket")
            service = Service(site, "web", start=False, Listen=f"http=tcp:127.0.0.1:{port}")
            service.port = port
            systemctl("start", UNIT)
            site.wait_state("web", "running")
            equal(service.ask(), "1", "answer")
            service.completed(service.save(app("2")), 2)
            pid = service.pid
            systemctl("restart", UNIT)
            equal((service.ask(), service.pid), ("2", pid), "answer and process after a restart of the unit")
            service.completed(service.save(app("3")), 3)
        finally:
            site.stop_daemon()
            systemctl("stop", "hotreload.socket")
            os.unlink(os.path.join(os.environ[UNITS], "hotreload.socket"))


@test("under-systemd: a user of its own, private directories and limits are in force for a service of the system's daemon")
def isolated():
    with UnitSite() as site, tempfile.NamedTemporaryFile(dir="/tmp") as others:
        os.chmod(site.root, 0o755)
        service = Service(site, "web", User="nobody", PrivateTmp="yes", ProtectSystem="strict", LimitNOFILE="77")
        equal(service.evaluate("os.getuid() == 0"), "False", "it is root")
        equal(service.evaluate(f"os.path.exists({others.name!r})"), "False", "it sees what others have in /tmp")
        equal(service.evaluate("__import__('resource').getrlimit(7)[0]"), "77", "descriptors")
        equal(service.evaluate("os.access('/usr', os.W_OK)"), "False", "it may write to /usr")


if __name__ == "__main__":
    sys.exit(main())
