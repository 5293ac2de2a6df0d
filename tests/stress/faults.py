# SPDX-License-Identifier: LGPL-2.1-or-later
"""One service under load whose daemon dies during reloads, and what must be true after each death."""

import contextlib
import os
import signal
import subprocess
import time

import harness
import storm


class Kind:
    """A kind of reload: what is in the service file for it, and which phases it goes through."""

    def __init__(self, phases, keys="", sections="", state=False, instances=1):
        self.phases, self.keys, self.sections = phases.split(), keys, sections
        self.state, self.instances = state, instances


KINDS = {
    "overlap": Kind("record place check start ready verify switch"),
    "state": Kind("record place check start preserve ready verify switch", state=True),
    "sequential": Kind("record place check preserve start ready verify switch", keys="Handover=sequential\n", state=True),
    "canary": Kind("record place check start ready verify canary switch",
                   sections="[Canary]\nPercentage=10\nRampTo=50\nRampDuration=100ms\n"),
    "instances": Kind("record place check start ready verify switch", keys="Instances=3\n", instances=3),
}


class Fault:
    """A storm of one kind. begin() a reload, let the daemon die, and recover(). Use as a context.

    seen: how often the next daemon wrote of a reload that was interrupted, by its phase; figures: sums of what the
    clients saw; longest: that a reload took
    """

    def __init__(self, site, name, language):
        kind = KINDS[name]
        self.site, self.kind = site, kind
        self.storm = storm.Storm(site, language, "adopt", state=kind.state, keys=f"DrainTimeout=2s\n{kind.keys}",
                                 sections=kind.sections, connections=4)
        self.seen, self.known, self.reload, self.counted = {}, set(), None, 0
        self.figures = {}
        before = time.monotonic()
        self.storm.reload()
        self.longest = 1.5 * (time.monotonic() - before)
        self.account()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.reload is not None:
            self.reload.kill()
            self.reload.communicate()
        self.storm.__exit__(*error)

    def begin(self):
        """Load, a new version, and a reload to it, that nobody waits for."""
        self.storm.begin()
        self.storm.save()
        hrctl = os.path.join(harness.BUILD, "client", "hrctl", "hrctl")
        self.reload = subprocess.Popen([hrctl, "reload", self.storm.name], env=self.site.environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def crash(self):
        harness.equal(self.site.stop_daemon(signal.SIGKILL), -signal.SIGKILL, "how the daemon ended")

    def recover(self):
        """The next daemon goes on; whatever became of the reload, the service serves, once, and can be reloaded."""
        answers = (str(self.storm.version - 1), str(self.storm.version))
        # With state nobody serves between the end of one and the state of the next: then clients wait.
        if not self.kind.state:
            harness.check(self.storm.answer() in answers, "answer without a daemon")
        self.site.start_daemon()
        said = self.reload.communicate(timeout=harness.DEADLINE)[0]
        self.reload = None
        harness.until(self.is_settled, f"the service is as it should be, after hrctl said {said!r}")
        answer = self.storm.answer()
        harness.check(answer in answers, f"answer with the next daemon: {answer}, not one of {answers}")
        self.storm.reload()
        harness.equal(self.storm.answer(), str(self.storm.version), "answer after the next reload")
        harness.until(self.is_settled, "only what serves is left")
        for entry in self.site.history(self.storm.name):
            known = (entry["timestamp"], entry["release"], entry["error"])
            if known not in self.known and (entry["error"] or "").startswith("the daemon died in phase"):
                self.seen[entry["phase"]] = self.seen.get(entry["phase"], 0) + 1
            self.known.add(known)
        self.account()

    def is_settled(self):
        """It runs, and no process of it is there that is not one of those that serve."""
        with contextlib.suppress(harness.Failure):
            shown = self.site.service(self.storm.name)
            return (shown["state"] == "running" and shown["serving"] == self.kind.instances
                    and sorted(shown["pids"]) == sorted(self.site.left_over()))
        return False

    def account(self):
        """Stops the load: nothing failed, and what is counted was counted once."""
        figures = self.storm.end()
        for who, figure in figures.items():
            total = self.figures.setdefault(who, {"ok": 0, "failed": 0, "longest": 0})
            total["ok"] += figure["ok"]
            total["failed"] += len(figure["failures"])
            total["longest"] = max(total["longest"], figure["longest"])
        if self.kind.state:
            before, self.counted = self.counted, self.storm.count()
            answered = sum(figure["ok"] for figure in figures.values())
            retried = sum(figure["retried"] for figure in figures.values())
            harness.check(answered <= self.counted - before <= answered + retried,
                          f"{self.counted - before} counted of {answered} answered and {retried} sent again")
        for who, figure in figures.items():
            harness.equal(figure["failures"], [], f"failures of {figure['ok']} requests over {who} connections")

    def check_store(self):
        for directory, directories, _ in os.walk(self.site.state):
            if "objects" in directories and "refs" in directories:
                checked = subprocess.run(["git", "--git-dir", directory, "fsck", "--full", "--strict"],
                                         capture_output=True, text=True, check=False, timeout=10 * harness.DEADLINE)
                harness.equal(checked.returncode, 0, f"git fsck of the store: {checked.stdout} {checked.stderr}")
