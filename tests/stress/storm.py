# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reload after reload of one service under load, with an account of every request that failed.

The service is one of three plain HTTP servers beside this file. Two clients load it: one opens a new connection for each
request, the other keeps its connections and follows HTTP's rules. What is counted as failure is in load.c.
"""

import json
import os
import random
import subprocess
import threading
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
LANGUAGES = {"python": ("/usr/bin/python3", "stress_server.py"), "node": ("/usr/bin/node", "stress_server.js"),
             "c": (os.path.join(harness.BUILD, "tests", "stress", "stress-server"), None)}
# Milliseconds after its start, within which a version that is to die dies.
DEATH_MAX = 400
FAILURES = ("refused", "reset", "dropped", "timedOut", "wrong")


class HttpLoad:
    """load.c as a process of its own."""

    def __init__(self, port, *options):
        program = os.path.join(harness.BUILD, "tests", "stress", "load")
        self.process = subprocess.Popen([program, *options, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        harness.equal(self.process.stdout.readline(), "began\n", "the first word of the load")

    def stop(self):
        output, _ = self.process.communicate(timeout=harness.DEADLINE)
        return json.loads(output)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Storm:
    """One service with its clients. Use as a context; then call reload() or crash() many times, and end()."""

    def __init__(self, site, language, sockets, state=False, sections="", keys="", connections=8, pause=2000, sources=0):
        self.site, self.language, self.state = site, language, state
        self.name = f"storm-{language}"
        self.port = harness.free_port()
        self.version = 1
        self.completed = {}
        program, script = LANGUAGES[language]
        if not os.path.exists(program):
            raise harness.NotRunHere(f"there is no {program}")
        self.top = site.source(self.name, {"version.txt": "1\n"})
        self.accepts = site.path(f"accepts-{self.name}")
        words = [program, *([os.path.join(HERE, script)] if script else []), str(self.port), *(["state"] if state else [])]
        listen = f"Listen=http=tcp:127.0.0.1:{self.port}\n" if sockets == "pass" else ""
        site.add(self.name, f"[Service]\nExec={' '.join(words)}\nSource={self.top}\n{listen}Sockets={sockets}\n"
                 f"Environment=STRESS_ACCEPTS={self.accepts}\n{keys}"
                 f"[Watch]\nEnabled=no\n[State]\nPreserve={'auto' if state else 'no'}\n{sections}")
        harness.until(lambda: harness.answers(self.port, "1"), f"an answer of '{self.name}'")
        options = ["--connections", str(connections), "--pause", str(pause), *(["--path", "/grow"] if state else [])]
        self.options = {"new": [*options, *(["--sources", str(sources)] if sources else [])],
                        "kept": [*options, "--keep-alive"]}
        self.begin()

    def begin(self):
        """The clients begin, for the first time or again after end()."""
        self.loads = {who: HttpLoad(self.port, *options) for who, options in self.options.items()}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for load in self.loads.values():
            load.kill()

    def save(self, *dies):
        self.version += 1
        harness.write_atomic(os.path.join(self.top, "version.txt"), " ".join([str(self.version), *map(str, dies)]) + "\n")

    def command(self, *words):
        """Has hrctl do it; returns its exit status and what it says."""
        try:
            result = self.site.hrctl("--json", *words, self.name)
        except subprocess.TimeoutExpired as error:
            shown = self.site.hrctl("--json", "status", self.name).stdout
            sockets = subprocess.run(["ss", "-tanp"], capture_output=True, text=True, check=False).stdout
            raise harness.Failure(f"hrctl {words} did not end: {shown}\n{sockets}") from error
        try:
            return result.returncode, json.loads(result.stdout)
        except ValueError as error:
            raise harness.Failure(f"hrctl {words}: {result.returncode} {result.stdout!r} {result.stderr!r}") from error

    def reload(self):
        """A good version: it must be live when the command ends."""
        self.save()
        status, answer = self.command("reload")
        harness.equal(status, 0, f"exit status of the reload to {self.version}: {answer}")
        self.completed[self.version] = time.monotonic()

    def crash(self, generator=random):
        """A version that dies at a random moment; waits until the one before serves alone again."""
        self.save(generator.randint(1, DEATH_MAX))
        before = self.site.service(self.name)["release"]
        status, answer = self.command("reload")
        if status == 0:
            harness.until(lambda: self.back_to(before), f"release {before} serves again after {answer}")
        else:
            harness.check(self.back_to(before), f"release {before} serves on after {answer}")

    def back_to(self, release):
        shown = self.site.service(self.name)
        return shown["release"] == release and shown["state"] == "running"

    def abort_canary(self, generator=random):
        """A good version as a canary, which is aborted after a random time, where that is before its end."""
        self.save()
        timer = threading.Timer(generator.uniform(0.02, 0.7), self.site.hrctl, ("abort", self.name))
        timer.start()
        status, _ = self.command("reload")
        if status == 0:
            self.completed[self.version] = time.monotonic()
        timer.join()
        return status

    def end(self):
        """Stops the load; returns the figures of each client, and checks them."""
        figures = {who: load.stop() for who, load in self.loads.items()}
        accepted = set()
        if os.path.exists(self.accepts):
            with open(self.accepts, encoding="utf-8") as file:
                accepted = set(map(int, file.read().split()))
        for figure in figures.values():
            # Only what a process had accepted that died may fail with it.
            figure["accounted"] = len([f for f in figure["failures"] if f["what"] in ("reset", "dropped")
                                       and f["port"] in accepted])
            figure["unaccounted"] = [f for f in figure["failures"] if not (f["what"] in ("reset", "dropped")
                                                                            and f["port"] in accepted)]
            harness.equal(sum(figure[what] for what in FAILURES),
                          figure["accounted"] + len(figure["unaccounted"]), "failures that are described")
        self.check_answers(figures["new"]["bodies"])
        return figures

    def check_answers(self, bodies):
        """A connection that was opened after a reload had completed is not answered by the version before."""
        for body, (_, _, last_begun, _) in bodies.items():
            later = [at for version, at in self.completed.items() if version > int(body)]
            if later:
                harness.check(last_begun <= min(later), f"version {body} answered {last_begun - min(later):.3f} s after "
                              "the reload that replaced it had completed")

    def answer(self):
        """What the service answers now: its version."""
        return harness.get(self.port, "/")[1].strip()

    def count(self):
        """What a service with state has counted."""
        return int(harness.get(self.port, "/count")[1])
