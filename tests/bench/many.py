# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many services under one supervisor: what it takes to start them, to keep them, to start one again, to replace each.

The services are bench-idle, which tells when it runs: nothing is polled while something is measured.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time

import figures
import harness
import peers
from ours import Ours

# Until all run, or have ended. Some need minutes for a thousand.
ALL_DEADLINE = 900
# Until one runs again: more than any of them waits before it starts again what ended.
ONE_DEADLINE = 30
N_CRASHES = 20
# Between two crashes, each of another service.
CALM_SECONDS = 0.3
# Some take what has not run for a second for a failed start, and wait before they start it again.
RUNS_FOR_SOME_TIME = 2


class Roll:
    """What the services told: which of them runs, as what process, since when."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "roll")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.pids = {}
        self.starts = 0

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def take(self, deadline, what):
        """Waits for the next that tells; returns its name and when that was."""
        if not select.select([self.socket], [], [], max(0, deadline - time.monotonic()))[0]:
            raise harness.Failure(f"{what}: did not happen in time; {len(self.pids)} have started")
        now = time.monotonic()
        name, pid = self.socket.recv(64).decode().split()
        self.pids[name] = int(pid)
        self.starts += 1
        return name, now

    def until_all(self, count, seconds=ALL_DEADLINE):
        """Waits until all have started; returns when the last of them did."""
        deadline, now = time.monotonic() + seconds, time.monotonic()
        while len(self.pids) < count:
            now = self.take(deadline, f"{count} services start")[1]
        return now

    def until_again(self, name):
        """Waits until that one has started again; returns when it did."""
        deadline = time.monotonic() + ONE_DEADLINE
        while True:
            found, now = self.take(deadline, f"{name} starts again")
            if found == name:
                return now

    def until_ended(self, seconds=ALL_DEADLINE):
        """Waits until none that has started runs any more; returns when that was."""
        left = list(self.pids.values())

        def ended():
            left[:] = filter(harness.is_alive, left)
            return not left
        harness.until(ended, "all services have ended", seconds)
        return time.monotonic()


class Idle:
    """What each supervisor runs here: bench-idle, as many times as wanted, with names of their own."""

    def __init__(self, bench, directory, count):
        self.program = os.path.join(os.path.dirname(bench.server), "bench-idle")
        self.count = count
        self.roll = Roll(directory)

    def words(self, number):
        return [self.program, self.roll.path, f"bench{number}"]


class Hotreload(Ours):
    """hotreloadd; each service has a source of its own."""

    name = "hotreloadd"

    def __init__(self, bench, count):
        super().__init__(bench, count=count)
        self.idle = Idle(bench, self.directory, count)

    def __enter__(self):
        self.site = harness.Site(daemon=False)
        # Reading the signals costs processor time that belongs to what is measured.
        self.site.signals.stop()
        for i in range(self.count):
            self.site.service_file(f"bench{i}", self.service_text(i))
        return self

    def __exit__(self, *error):
        self.idle.roll.close()
        super().__exit__(*error)

    def source_file(self, number):
        return os.path.join(self.directory, f"src{number}", "answer.txt")

    def service_text(self, number):
        path = harness.write(self.source_file(number), "answer\n")
        return (f"[Service]\nExec={' '.join(self.idle.words(number))}\nSource={os.path.dirname(path)}\nRestartDelay=0\n"
                "[Watch]\nEnabled=no\n")

    def start(self):
        self.site.start_daemon(expect_ready=False)

    def change(self, number):
        harness.write(self.source_file(number), f"answer {time.monotonic()}\n")

    def until_idle(self):
        """The observation of the first release is no idleness, and neither is the job that began it."""
        for i in range(self.count):
            harness.until(lambda name=f"bench{i}": self.site.releases(name)[0]["fate"] == "good", "good releases", 120)
        self.rest()

    def not_running(self):
        return sum(service["state"] != "running" for service in self.site.status()["services"])

    def daemon_pids(self):
        return [self.site.daemon.pid, *self.site.keepers()]

    def terminate(self):
        self.site.daemon.send_signal(signal.SIGTERM)


class ManyPeer:
    """What is added to a peer of peers.py, so that it runs many of bench-idle. It is started apart from being entered."""

    def __init__(self, bench, count):
        super().__init__(bench, count)
        self.idle = Idle(bench, self.directory, count)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.idle.roll.close()
        super().__exit__(*error)

    def server(self, number=0):
        return self.idle.words(number)

    def change(self, number):
        """They replace a process without looking at what it was made of."""

    def until_idle(self):
        """Nothing is known of what they still do."""

    def not_running(self):
        return sum(not harness.is_alive(pid) for pid in self.idle.roll.pids.values())

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)


class Supervisor(ManyPeer, peers.SupervisorAtOnce):
    """It takes a program for started at once, as all the others do here: ours says that it is ready."""


class Runit(ManyPeer, peers.Runit):
    """runsvdir, with a runsv for each service: all of them are what it costs."""

    def start(self):
        program = peers.debian_program("runsvdir", "runit")
        for i in range(self.count):
            script = self.write(f"services/bench{i}/run", f"#!/bin/sh\nexec {' '.join(self.server(i))}\n")
            os.chmod(script, 0o755)
        self.spawn([program, os.path.join(self.directory, "services")], stdin=subprocess.DEVNULL)

    def restart_command(self, number=0):
        return [peers.debian_program("sv", "runit"), "restart", os.path.join(self.directory, "services", f"bench{number}")]

    def daemon_pids(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as file:
            return [self.process.pid, *map(int, file.read().split())]

    def terminate(self):
        # It ends each runsv and what that runs.
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.terminate()
            self.idle.roll.until_ended()
        super().stop()


class Pm2(ManyPeer, peers.Pm2):
    """pm2; that its program ends is part of its start."""

    def terminate(self):
        subprocess.Popen([self.program, "kill"], env=self.environment, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Systemd(ManyPeer, peers.Peer):
    """systemd as the machine's PID 1, with a unit file for each service. What it costs includes the units that a system
    has anyway."""

    name = "systemd"
    UNITS = "/run/systemd/system"

    def __init__(self, bench, count):
        # Here as well it is there only where systemd is what runs the machine, see sd_booted(3).
        if not os.path.isdir(self.UNITS) or os.geteuid() != 0:
            raise harness.NotRunHere("needs a machine that systemd has booted, and root")
        super().__init__(bench, count)
        self.program = peers.debian_program("systemctl", "systemd")

    def unit(self, number):
        return f"hotreload-bench{number}.service"

    def units(self):
        return [self.unit(i) for i in range(self.count)]

    def systemctl(self, *words):
        subprocess.run([self.program, *words], check=True, env=self.environment, stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=ALL_DEADLINE)

    def start(self):
        for i in range(self.count):
            harness.write(os.path.join(self.UNITS, self.unit(i)),
                          f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={' '.join(self.server(i))}\n"
                          "Restart=always\nRestartSec=0\n")
        self.systemctl("daemon-reload")
        self.systemctl("start", "--no-block", *self.units())

    def restart_command(self, number=0):
        return [self.program, "restart", self.unit(number)]

    def daemon_pids(self):
        return [1]

    def terminate(self):
        self.systemctl("stop", "--no-block", *self.units())

    def __exit__(self, *error):
        with contextlib.suppress(subprocess.SubprocessError):
            self.systemctl("stop", *self.units())
        for unit in self.units():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.UNITS, unit))
        self.systemctl("daemon-reload")
        super().__exit__(*error)


SUPERVISORS = (Hotreload, Supervisor, Runit, Pm2, Systemd)


def measure_memory(bench, what, runner):
    """In all, and divided by the number of services."""
    pids = runner.daemon_pids()
    rss, pss = figures.memory_of(pids)
    each = (f"for each service {rss * 1024 / runner.count:.1f} KB RSS, {pss * 1024 / runner.count:.1f} KB PSS; "
            f"{len(pids)} processes")
    bench.row(f"{what}: memory", runner.name, "MB RSS", [rss], f"PSS {pss:.2f} MB; {each}")


def measure_idle(bench, what, runner):
    """What a supervisor does when there is nothing to do."""
    wake_ups, busy = figures.when_idle(runner.daemon_pids())
    bench.row(f"{what}: wake-ups when idle", runner.name, "per s", [wake_ups])
    bench.row(f"{what}: processor when idle", runner.name, "ms/s", [busy])


def measure_crashes(bench, what, runner):
    """Each in another service, so that none waits for having failed before."""
    times = []
    for i in range(min(N_CRASHES, runner.count)):
        time.sleep(CALM_SECONDS)
        pid = runner.idle.roll.pids[f"bench{i}"]
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        times.append(runner.idle.roll.until_again(f"bench{i}") - began)
    bench.row(f"{what}: crash to running", runner.name, "ms", figures.milliseconds(times))


def measure_reloads(bench, what, runner, count):
    """One after the other: the command, its own start included, and until the new process runs."""
    commands, times, failed = [], [], 0
    for i in range(count):
        runner.change(i)
        words = runner.restart_command(i)
        began = time.monotonic()
        with subprocess.Popen(words, env=runner.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as command:
            times.append(runner.idle.roll.until_again(f"bench{i}") - began)
            failed += command.wait(ONE_DEADLINE) != 0
        commands.append(time.monotonic() - began)
    bench.row(f"{what}: reload, one by one", runner.name, "ms", figures.milliseconds(commands),
              f"{failed} failed" if failed else "")
    bench.row(f"{what}: reload to running", runner.name, "ms", figures.milliseconds(times))


def measure_second_start(bench, what, runner):
    """Where every release is recorded and placed, as after the machine was started."""
    runner.site.daemon.wait(ALL_DEADLINE)
    runner.idle.roll.pids.clear()
    began = time.monotonic()
    runner.start()
    bench.row(f"{what}: start of all, again", runner.name, "s", [runner.idle.roll.until_all(runner.count) - began])
    runner.terminate()
    runner.idle.roll.until_ended()
    runner.site.daemon.wait(ALL_DEADLINE)


def measure(bench, runner, n_reloads):
    what, roll = f"{runner.count} services", runner.idle.roll
    began = time.monotonic()
    runner.start()
    bench.row(f"{what}: start of all", runner.name, "s", [roll.until_all(runner.count) - began],
              f"{roll.starts - runner.count} starts too many" if roll.starts > runner.count else "")
    time.sleep(RUNS_FOR_SOME_TIME)
    runner.until_idle()
    failed = runner.not_running()
    if failed:
        bench.skipped(f"{what}: all run", runner.name, f"{failed} do not")
    measure_memory(bench, what, runner)
    measure_idle(bench, what, runner)
    measure_crashes(bench, what, runner)
    measure_reloads(bench, what, runner, n_reloads)
    began = time.monotonic()
    runner.terminate()
    bench.row(f"{what}: stop of all", runner.name, "s", [roll.until_ended() - began])
    if isinstance(runner, Hotreload):
        measure_second_start(bench, what, runner)


def run(bench, count, runs, is_wanted):
    """hotreloadd replaces each of its services, the others, which need seconds for one, as many as there are runs. One
    that does not come through keeps no other from its turn."""
    failed = []
    for supervisor in filter(lambda supervisor: is_wanted(supervisor.name), SUPERVISORS):
        try:
            with supervisor(bench, count) as runner:
                measure(bench, runner, count if supervisor is Hotreload else min(count, runs))
        except harness.NotRunHere as reason:
            bench.skipped(f"{count} services", supervisor.name, reason)
        except (harness.Failure, subprocess.SubprocessError) as error:
            failed.append(f"{supervisor.name}: {error}")
    harness.check(not failed, "; ".join(failed))
