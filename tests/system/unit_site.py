# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that is a unit of the systemd that booted.py has booted: of the system's, or of the manager of a user."""

import os
import subprocess

from booted import UNITS
from harness import BUILD, DEADLINE, Site, equal, write

UNIT = "hotreload.service"
# The manager of a user is one where we are no longer root.
IS_USER = os.geteuid() != 0


def systemctl(*words, expect=0):
    result = subprocess.run(["systemctl", *(["--user"] if IS_USER else []), *words], capture_output=True, text=True, check=False,
                            timeout=DEADLINE * 2)
    equal(result.returncode, expect, f"systemctl {words}: {result.stdout}{result.stderr}")
    return result.stdout.strip()


def show(name):
    return systemctl("show", "--value", f"--property={name}", UNIT)


def group_of(pid):
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        return [line.strip()[3:] for line in file if line.startswith("0::")][0]


class UnitSite(Site):
    """A site whose daemon is the unit that is installed, with the programs and directories of the test."""

    def start_bus(self):
        if IS_USER:
            self.environment.update(DBUS_SESSION_BUS_ADDRESS=f"unix:path={os.environ['XDG_RUNTIME_DIR']}/bus")
            return
        bus = "unix:path=/run/dbus/system_bus_socket"
        self.environment.update(DBUS_SYSTEM_BUS_ADDRESS=bus, DBUS_SESSION_BUS_ADDRESS=bus, HOTRELOAD_BUS="system")

    def daemon_command(self):
        words = super().daemon_command()
        return words if IS_USER else [word if word != "--session" else "--system" for word in words]

    def write_units(self, **more):
        """The unit as it is installed, but for where things are; more keys for its [Service]."""
        with open(os.path.join(BUILD, "data", f"hotreload.{'user' if IS_USER else 'system'}.service"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        keys = {"HOTRELOAD_LIBEXECDIR": self.environment["HOTRELOAD_LIBEXECDIR"],
                **{name: self.environment[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}}
        text = []
        for line in lines:
            name, _, value = line.partition("=")
            if name == "ExecStart":
                line = f"{name}={' '.join(self.daemon_command())}"
            elif name == "ExecStopPost":
                line = f"{name}=-{self.environment['HOTRELOAD_LIBEXECDIR']}/{value.rpartition('/')[2]}"
            text.append(line)
            if line == "[Service]":
                text += [f"Environment={key}={value}" for key, value in keys.items()]
                text += [f"StandardError=append:{self.path('daemon.log')}", "StartLimitIntervalSec=0"]
                text += [f"{key}={value}" for key, value in more.items()]
        write(os.path.join(os.environ[UNITS], UNIT), "\n".join(text) + "\n")
        systemctl("daemon-reload")

    def start_daemon(self, **more):  # pylint: disable=arguments-differ
        self.write_units(**more)
        systemctl("start", UNIT)

    def stop_daemon(self, signal_number=None):
        """Services are stopped first: with the unit alone they run on."""
        if show("ActiveState") != "active":
            return None
        equal(self.hrctl("stop", "--all").returncode, 0, "stop --all")
        systemctl("stop", UNIT)
        equal(show("Result"), "success", f"how the daemon ended: {self.daemon_log()[-3000:]}")
        return 0
