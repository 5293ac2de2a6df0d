# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs beside which hotreload is measured: each runs the same server from the same directory.

A peer has start(), stop(), where it can do so restart_command(), and the processes that are its daemon. What a machine
does not have raises harness.NotRunHere.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess

import harness

NODE_PACKAGES = ("nodemon", "pm2")


def run(words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options)


class NodePackages:
    """Installs nodemon and pm2 into a private directory, once."""

    def __init__(self, directory):
        self.directory = os.path.join(directory, "node_modules")
        self.reason = None
        if self.missing():
            self.install(directory)

    def missing(self):
        return [name for name in NODE_PACKAGES if not os.path.isdir(os.path.join(self.directory, name))]

    def install(self, directory):
        if not shutil.which("npm"):
            self.reason = "npm is not installed"
            return
        os.makedirs(directory, exist_ok=True)
        result = run(["npm", "install", "--no-audit", "--no-fund", "--prefix", directory, *NODE_PACKAGES], timeout=300)
        if self.missing():
            self.reason = "npm could not install it: " + (result.stderr.strip().splitlines() or ["no reason given"])[-1]

    def program(self, name):
        if name in self.missing():
            raise harness.NotRunHere(self.reason)
        return os.path.join(self.directory, ".bin", name)

    def version(self, name):
        if name in self.missing():
            return None
        with open(os.path.join(self.directory, name, "package.json"), encoding="utf-8") as file:
            return json.load(file)["version"]


def debian_program(name, package):
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
    if not path:
        raise harness.NotRunHere(f"Debian's package {package} is not installed")
    return path


class Peer:
    """One peer with its services. Their directory has the answer; the first service has the port."""

    def __init__(self, bench, count=1):
        self.bench = bench
        self.count = count
        self.directory = bench.new_directory()
        self.port = harness.free_port()
        self.process = None
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": self.directory,
                            "LANG": "C.UTF-8", "USER": "bench", "SHELL": "/bin/sh", "PM2_HOME": self.directory + "/pm2"}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def write(self, name, text):
        return harness.write(os.path.join(self.directory, name), text)

    def server(self, number=0):
        """The words that start one service; only the first has a port that is known."""
        return [self.bench.server, str(self.port) if number == 0 else "0", self.bench.answer_file(self.directory)]

    def spawn(self, words, **options):
        self.process = subprocess.Popen(words, cwd=self.directory, env=self.environment, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

    def stop(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(harness.DEADLINE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)

    def daemon_pids(self):
        return [self.process.pid]


class Nodemon(Peer):
    name = "nodemon"

    def start(self):
        program = self.bench.node.program("nodemon")
        self.spawn([program, "--quiet", "--signal", "SIGTERM", "--watch", self.bench.answer_file(self.directory),
                    "--exec", " ".join(self.server())], stdin=subprocess.DEVNULL)


class Entr(Peer):
    name = "entr"

    def start(self):
        program = debian_program("entr", "entr")
        self.spawn([program, "-n", "-r", *self.server()], stdin=subprocess.PIPE, text=True)
        self.process.stdin.write(self.bench.answer_file(self.directory) + "\n")
        self.process.stdin.close()


class Pm2(Peer):
    name = "pm2"
    watch = False

    def start(self):
        self.program = self.bench.node.program("pm2")
        services = [{"name": f"bench{i}", "script": self.server(i)[0], "args": self.server(i)[1:], "interpreter": "none",
                     "exec_mode": "fork", "cwd": self.directory, "autorestart": True,
                     "watch": [self.bench.answer_file(self.directory)] if self.watch else False}
                    for i in range(self.count)]
        result = run([self.program, "start", self.write("ecosystem.json", json.dumps({"apps": services}))],
                     env=self.environment, cwd=self.directory)
        if result.returncode != 0:
            raise harness.NotRunHere("pm2 did not start: " + result.stderr.strip()[-200:])

    def stop(self):
        if hasattr(self, "program"):
            run([self.program, "kill"], env=self.environment)

    def restart_command(self, number=0):
        return [self.program, "reload", f"bench{number}"]

    def daemon_pids(self):
        with open(os.path.join(self.directory, "pm2", "pm2.pid"), encoding="utf-8") as file:
            return [int(file.read())]


class Pm2Watch(Pm2):
    name = "pm2 --watch"
    watch = True


class Supervisor(Peer):
    name = "supervisord"
    start_seconds = 1

    def start(self):
        program = debian_program("supervisord", "supervisor")
        socket_path = os.path.join(self.directory, "supervisor.sock")
        # It has some pipes for each, and asks for 1,024 descriptors where it is not told.
        descriptors = min(max(1024, 8 * self.count), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        text = (f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\nminfds={descriptors}\n"
                f"pidfile={self.directory}/supervisor.pid\n[unix_http_server]\nfile={socket_path}\n"
                f"[supervisorctl]\nserverurl=unix://{socket_path}\n[rpcinterface:supervisor]\n"
                "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n")
        for i in range(self.count):
            text += (f"[program:bench{i}]\ncommand={' '.join(self.server(i))}\nstartsecs={self.start_seconds}\n"
                     "stdout_logfile=NONE\nstderr_logfile=NONE\n")
        self.configuration = self.write("supervisor.conf", text)
        self.spawn([program, "-c", self.configuration], stdin=subprocess.DEVNULL)

    def restart_command(self, number=0):
        return [debian_program("supervisorctl", "supervisor"), "-c", self.configuration, "restart", f"bench{number}"]


class SupervisorAtOnce(Supervisor):
    name = "supervisord, startsecs=0"
    start_seconds = 0


class Runit(Peer):
    name = "runit"

    def start(self):
        program = debian_program("runsv", "runit")
        script = self.write("service/run", f"#!/bin/sh\nexec {' '.join(self.server())}\n")
        os.chmod(script, 0o755)
        self.spawn([program, os.path.dirname(script)], stdin=subprocess.DEVNULL)

    def restart_command(self):
        return [debian_program("sv", "runit"), "restart", os.path.join(self.directory, "service")]
