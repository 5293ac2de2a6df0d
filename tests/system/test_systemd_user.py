#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon as a unit of an ordinary user's own systemd, as on a laptop; run by booted.py."""

import os
import pwd
import subprocess
import sys

import as_user
from booted import UNITS, find_systemd
from harness import DEADLINE, check, equal, is_alive, main, test, until, write

MANAGER = "user-manager.service"
BASE = {
    "basic.target": "[Unit]\nWants=dbus.socket\n",
    "default.target": "[Unit]\nRequires=basic.target\n",
    "shutdown.target": "[Unit]\nDefaultDependencies=no\n",
    "dbus.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=%t/bus\n",
    "dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nExecStart=/usr/bin/dbus-daemon --session "
                    "--address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n",
}


def start_manager():
    """Has the system's manager start one for the user, with a group that is its own."""
    user = pwd.getpwnam(as_user.USER)
    runtime, units = f"/run/user/{user.pw_uid}", os.path.join(os.environ[UNITS], "user")
    for path in (runtime, units):
        os.makedirs(path)
        os.chown(path, user.pw_uid, user.pw_gid)
    os.chmod(runtime, 0o700)
    os.chmod(os.environ[UNITS], 0o711)
    for name, text in BASE.items():
        write(os.path.join(units, name), text)
    write(os.path.join(os.environ[UNITS], MANAGER),
          f"[Service]\nType=notify\nUser={user.pw_uid}\nGroup={user.pw_gid}\nDelegate=yes\nKillMode=mixed\n"
          f"Environment=XDG_RUNTIME_DIR={runtime} SYSTEMD_UNIT_PATH={units} SYSTEMD_GENERATOR_PATH= HOME={runtime}\n"
          f"ExecStart={find_systemd()} --user --unit=default.target\n")
    for words in (["daemon-reload"], ["start", MANAGER]):
        subprocess.run(["systemctl", *words], check=True, timeout=DEADLINE)


if os.geteuid() == 0:
    start_manager()
    # Goes on with this file as the user, with nothing that is root's.
    sys.argv.insert(1, os.path.abspath(__file__))
    as_user.main()
os.environ["XDG_RUNTIME_DIR"] = f"/run/user/{os.geteuid()}"
os.environ[UNITS] = os.path.join(os.environ[UNITS], "user")
# pylint: disable=wrong-import-position
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))
from services import Service, app
from storm import Storm
from unit_site import UNIT, UnitSite, group_of, show, systemctl


@test("under-systemd-of-a-user: the unit is ready when its services can be asked, each in a group below the unit's")
def unit():
    with UnitSite() as site:
        service = Service(site, "web")
        service.good(1)
        service.completed(service.save(app("2")), 2)
        top = show("ControlGroup")
        check(top.endswith("/" + UNIT) and top != "/" + UNIT, "the unit's group:", top)
        group = group_of(service.pid)
        check(group.startswith(top + "/hotreload-") and "/web." in group, "the service's group:", group)


@test("under-systemd-of-a-user: promise-7-the-daemon-may-die: it is started again, same process, no request is lost")
def dies():
    with UnitSite() as site, Storm(site, "python", "adopt", connections=4) as storm:
        daemon, pid = int(show("MainPID")), site.service(storm.name)["pid"]
        systemctl("kill", "--kill-whom=main", "--signal=KILL", UNIT)
        until(lambda: show("ActiveState") == "active" and int(show("MainPID")) not in (0, daemon),
              "systemd has started the next daemon")
        equal(site.service(storm.name)["pid"], pid, "the service's process")
        storm.reload()
        storm.end()


@test("under-systemd-of-a-user: the daemon is re-executed, and a stop of the unit stops the services first")
def stopped():
    with UnitSite() as site:
        service = Service(site, "web")
        service.good(1)
        daemon, pid = show("MainPID"), service.pid
        equal(site.hrctl("daemon-reexec").returncode, 0, "daemon-reexec")
        equal((show("MainPID"), service.pid), (daemon, pid), "processes")
        systemctl("stop", UNIT)
        equal(show("Result"), "success", "how the daemon ended")
        check(not is_alive(pid), "the service's process has ended")


if __name__ == "__main__":
    sys.exit(main())
