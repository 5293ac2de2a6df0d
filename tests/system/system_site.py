# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon of root on a system bus of the test's own, with the policy that is installed."""

import os
import pwd
import subprocess

import as_user
from harness import BUILD, DEADLINE, NotRunHere, SOURCE, Site, check, write

POLICY = os.path.join(SOURCE, "data", "dbus", "org.hotreload.Manager.conf")

# As the machine's: what is not allowed is denied.
STRICT = """<policy context="default">
  <allow user="*"/>
  <deny own="*"/>
  <deny send_type="method_call"/>
  <allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/>
  <allow receive_type="method_return"/>
  <allow receive_type="error"/>
  <allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
</policy>
<policy user="root">
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
</policy>"""


class SystemSite(Site):
    """A site whose daemon serves a system bus."""

    def start_bus(self):
        # Others come in, as far as the bus.
        os.chmod(self.root, 0o711)
        os.chmod(self.runtime, 0o711)
        conf = write(self.path("bus.conf"),
                     '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
                     '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd"><busconfig><type>system</type>'
                     f'<listen>unix:path={self.path("bus")}</listen><auth>EXTERNAL</auth>{STRICT}'
                     f'<include>{POLICY}</include></busconfig>')
        process = subprocess.Popen(["dbus-daemon", f"--config-file={conf}", "--nofork", "--print-address"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment)
        self.processes.append(process)
        address = process.stdout.readline().strip()
        check(address, "the bus did not start")
        os.chmod(self.path("bus"), 0o777)
        # The monitor of the harness asks for the session bus; nothing else does.
        self.environment.update(DBUS_SYSTEM_BUS_ADDRESS=address, DBUS_SESSION_BUS_ADDRESS=address, HOTRELOAD_BUS="system")

    def daemon_command(self):
        words = [word if word != "--session" else "--system" for word in super().daemon_command()]
        return [*words, "--on-exit=stop"]

    def as_nobody(self, *command):
        """Runs it as an ordinary user on the same bus."""
        user = pwd.getpwnam(as_user.USER)
        return subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=DEADLINE, cwd="/", user=user.pw_uid, group=user.pw_gid,
                              extra_groups=[])


def system_site():
    if os.geteuid() != 0:
        raise NotRunHere("a system bus has root on it, and others")
    if not as_user.is_for_all(BUILD) or not as_user.is_for_all(os.environ.get("TMPDIR", "/tmp")):
        raise NotRunHere(f"'{as_user.USER}' cannot reach {BUILD}")
    return SystemSite()
