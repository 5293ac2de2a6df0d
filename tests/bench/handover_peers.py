# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers that replace themselves, or are replaced, while clients go on: the peers of a reload under load.

Each answers with the version it was started with. Servers that are what they serve (HAProxy, nginx) answer a fixed
text; the others run the plain HTTP servers of tests/stress.
"""

import os
import signal

import harness
import peers

STRESS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress")


class HandoverPeer(peers.Peer):
    """A peer that serves one program; save() gives it the next version, replace() is the command that has it serve that."""

    # Whether the command only asks for it and tells nothing of what comes of it.
    only_asks = False

    def __init__(self, bench):
        super().__init__(bench)
        self.version = 1
        self.write("version.txt", "1\n")

    def save(self):
        self.version += 1
        self.write("version.txt", f"{self.version}\n")
        self.configure()

    def configure(self):
        """Writes what holds the version, where that is not the file above."""

    def command(self, *words):
        result = peers.run(words, env=self.environment, cwd=self.directory)
        harness.equal(result.returncode, 0, f"{words}: {result.stdout} {result.stderr}")


class Haproxy(HandoverPeer):
    name = "HAProxy -W"
    only_asks = True

    def configure(self):
        self.write("haproxy.cfg", "global\n  stats socket " + self.directory + "/admin.sock level admin "
                   "expose-fd listeners\ndefaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n"
                   f"  timeout connect 10s\nfrontend web\n  bind 127.0.0.1:{self.port}\n"
                   f'  http-request return status 200 content-type text/plain string "{self.version}"\n')

    def start(self):
        program = peers.debian_program("haproxy", "haproxy")
        self.configure()
        self.spawn([program, "-W", "-f", os.path.join(self.directory, "haproxy.cfg"), "-x",
                    os.path.join(self.directory, "admin.sock")])

    def replace(self):
        self.process.send_signal(signal.SIGUSR2)


class Nginx(HandoverPeer):
    name = "nginx -s reload"
    only_asks = True

    def configure(self):
        self.configuration = self.write("nginx.conf", f"daemon off;\npid {self.directory}/nginx.pid;\nerror_log /dev/null;\n"
                          "worker_processes 2;\nevents {}\nhttp {\n  access_log off;\n"
                          + "".join(f"  {kind}_temp_path {self.directory}/{kind};\n" for kind in
                                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
                          + f"  server {{ listen 127.0.0.1:{self.port};\n    location / {{ return 200 '{self.version}'; }}\n"
                          "  }\n}\n")

    def start(self):
        self.program = peers.debian_program("nginx", "nginx-light")
        self.configure()
        self.spawn([self.program, "-c", self.configuration, "-p", self.directory])

    def replace(self):
        self.command(self.program, "-c", self.configuration, "-p", self.directory, "-s", "reload")


class Gunicorn(HandoverPeer):
    name = "gunicorn HUP"
    only_asks = True

    def start(self):
        program = peers.debian_program("gunicorn", "gunicorn")
        self.write("app.py", "VERSION = open('version.txt').read().strip().encode()\ndef app(environ, start):\n"
                   "    start('200 OK', [('Content-Length', str(len(VERSION)))])\n    return [VERSION]\n")
        self.spawn([program, "--workers", "2", "--threads", "8", "--bind", f"127.0.0.1:{self.port}", "app:app"])

    def replace(self):
        self.process.send_signal(signal.SIGHUP)


class Pm2Reload(HandoverPeer):
    name = "pm2 reload, cluster of 2"

    def start(self):
        self.program = self.bench.node.program("pm2")
        self.command(self.program, "start", os.path.join(STRESS, "stress_server.js"), "--name", "web", "-i", "2",
                     "--cwd", self.directory, "--", str(self.port))

    def stop(self):
        if hasattr(self, "program"):
            peers.run([self.program, "kill"], env=self.environment)

    def replace(self):
        self.command(self.program, "reload", "web")


class SupervisorRestart(HandoverPeer):
    name = "supervisorctl restart, Python"

    def start(self):
        program = peers.debian_program("supervisord", "supervisor")
        socket_path = os.path.join(self.directory, "supervisor.sock")
        self.configuration = self.write("supervisor.conf", (
            f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={self.directory}/pid\n"
            f"[unix_http_server]\nfile={socket_path}\n[supervisorctl]\nserverurl=unix://{socket_path}\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[program:web]\ncommand={harness.PYTHON} {STRESS}/stress_server.py {self.port}\n"
            "stdout_logfile=NONE\nstderr_logfile=NONE\n"))
        self.spawn([program, "-c", self.configuration])

    def replace(self):
        self.command(peers.debian_program("supervisorctl", "supervisor"), "-c", self.configuration, "restart", "web")


class Hotreload:
    """One of the same programs, by a daemon on a bus of its own, with everything on that is on by default."""

    only_asks = False

    def __init__(self, bench, language):
        self.bench = bench
        self.name = self.describe(language)
        self.language = language
        self.version = 1
        self.port = harness.free_port()

    @staticmethod
    def describe(language):
        return f"hotreload, unmodified {language}"

    def __enter__(self):
        program = {"python": [harness.PYTHON, f"{STRESS}/stress_server.py"], "node": ["node", f"{STRESS}/stress_server.js"],
                   "C": [os.path.join(harness.BUILD, "tests", "stress", "stress-server")]}[self.language]
        self.site = harness.Site()
        self.top = self.site.source("web", {"version.txt": "1\n"})
        self.site.add("web", f"[Service]\nExec={' '.join(program)} {self.port}\nSource={self.top}\n[Watch]\nEnabled=no\n")
        self.site.signals.stop()
        return self

    def __exit__(self, *error):
        self.site.__exit__(*error)

    def save(self):
        self.version += 1
        harness.write(os.path.join(self.top, "version.txt"), f"{self.version}\n")

    def replace(self):
        result = self.site.hrctl("reload", "web")
        harness.equal(result.returncode, 0, result.stdout + result.stderr)


PEERS = (Haproxy, Nginx, Gunicorn, Pm2Reload, SupervisorRestart)
LANGUAGES = ("C", "node", "python")

