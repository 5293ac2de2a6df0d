#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots a real systemd for a system test, as PID 1 of namespaces of its own, and runs the test beside it: with a system
bus, a journal and control groups that belong to both. Units, policies and logs of the machine are neither read nor
written. usage: booted.py TEST.py [WORD…]"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from basics import DEADLINE

UNITS = "HOTRELOAD_TEST_UNITS"
POLICY = os.path.join(os.environ.get("HOTRELOAD_TEST_SOURCE", ""), "data", "dbus", "org.hotreload.Manager.conf")

# All that there is. The names of what systemd itself asks for, and of what these need.
BASE = {
    "sysinit.target": "[Unit]\nRequires=systemd-journald.socket\nAfter=systemd-journald.socket\n",
    "sockets.target": "[Unit]\n",
    "basic.target": "[Unit]\nRequires=sysinit.target\nWants=sockets.target dbus.socket\nAfter=sysinit.target sockets.target\n",
    "shutdown.target": "[Unit]\nDefaultDependencies=no\n",
    "dbus.socket": "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    "dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nExecStart=/usr/bin/dbus-daemon --system "
                    "--address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n",
    "systemd-journald.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenDatagram=/run/systemd/journal/socket\n"
                               "ListenStream=/run/systemd/journal/stdout\nPassCredentials=yes\nTimestamping=us\n",
    "systemd-journald.service": "[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.socket\n[Service]\nType=notify\n"
                                "Sockets=systemd-journald.socket\nExecStart=/lib/systemd/systemd-journald\n",
}

# $0: the directory of this boot. /run is systemd's own; /sys/fs/cgroup shall be what is below the new namespace.
BOOT = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
test ! -d /var/log || mount -t tmpfs tmpfs /var/log
test ! -d /var/lib/systemd || mount -t tmpfs tmpfs /var/lib/systemd
mount --bind "$0/policy" /etc/dbus-1/system.d
mount --bind "$0/activation" /usr/share/dbus-1/system-services
umount -l -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i container=hotreload-test PATH="$PATH" NOTIFY_SOCKET="$0/notify" SYSTEMD_UNIT_PATH="$0/units" \\
  SYSTEMD_GENERATOR_PATH= SYSTEMD_ENVIRONMENT_GENERATOR_PATH= \\
  "$1" --system --unit=basic.target --log-target=null --show-status=0
"""


def skip(why):
    print(f"1..0 # SKIP not run here: {why}")
    sys.exit(0)


def find_systemd():
    if os.geteuid() != 0:
        skip("a systemd of the test's own needs root")
    for path in ("/lib/systemd/systemd", "/usr/lib/systemd/systemd"):
        if os.access(path, os.X_OK):
            return path
    return skip("there is no systemd")


def prepare(directory):
    for name in ("units", "policy", "activation"):
        os.mkdir(os.path.join(directory, name))
    for name, text in BASE.items():
        with open(os.path.join(directory, "units", name), "w", encoding="utf-8") as file:
            file.write(text)
    shutil.copy(POLICY, os.path.join(directory, "policy"))
    # The daemon of the bus is an ordinary user.
    os.chmod(directory, 0o711)


def make_group(name):
    """A control group that will be the root of all that there is; None where the machine lets us make none."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        own = [line.strip()[3:] for line in file if line.startswith("0::")]
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        tops = [line.split()[4] for line in file if " - cgroup2 " in line]
    with contextlib.suppress(OSError, IndexError):
        group = os.path.join(tops[0] + own[0], name)
        os.mkdir(group)
        return group
    return None


def remove_group(group):
    """Its processes have been killed; they may still be on their way."""
    end = time.monotonic() + DEADLINE
    while os.path.isdir(group) and time.monotonic() < end:
        for path, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        # Nothing tells of the end of what is nobody's child here.
        time.sleep(0.01)


def enter(group):
    """Before the program is executed: where there is one, its processes are of this group."""
    if group is not None:
        with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(os.getpid()))


def wait_until_up(boot, notify):
    """Waits for systemd's word that it is up; returns why it is not, or None."""
    notify.settimeout(0.2)
    for _ in range(int(DEADLINE / 0.2)):
        with contextlib.suppress(TimeoutError):
            if b"READY=1" in notify.recv(65536):
                return None
        if boot.poll() is not None:
            return boot.stderr.read().decode(errors="replace").strip()[-300:] or f"it ended with {boot.returncode}"
    return f"it was not up after {DEADLINE} s"


def main():
    systemd = find_systemd()
    directory = tempfile.mkdtemp(prefix="hr-booted-")
    prepare(directory)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(os.path.join(directory, "notify"))
    group = make_group(os.path.basename(directory))
    boot = subprocess.Popen(["unshare", "--fork", "--pid", "--mount", "--cgroup", "--ipc", "--uts", "--kill-child",
                             "--mount-proc", "sh", "-ec", BOOT, directory, systemd],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            preexec_fn=lambda: enter(group))
    try:
        why = wait_until_up(boot, notify)
        if why is not None:
            skip(f"systemd could not be booted: {why}")
        with open(f"/proc/{boot.pid}/task/{boot.pid}/children", encoding="ascii") as file:
            init = file.read().split()[0]
        return subprocess.run(["nsenter", "-t", init, "-p", "-m", "-C", "-i", "-u", sys.executable, *sys.argv[1:]],
                              env={**os.environ, UNITS: os.path.join(directory, "units")}, check=False).returncode
    finally:
        # What runs in there goes with its PID 1, and that with who waits for it.
        boot.send_signal(signal.SIGKILL)
        boot.wait()
        if group is not None:
            remove_group(group)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
