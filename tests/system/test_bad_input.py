#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: the daemon starts or refuses with a message that names file and remedy; broken files are set aside;
nothing is lost."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from harness import (DEADLINE, NotRunHere, PYTHON, Site, answers, check, equal, free_port, get, main, test, until, write)

SLEEPER = "[Service]\nExec=/bin/sleep 1000\nReady=delay:10ms\n"

# Writes as its state what the environment names, when it is told to stop.
STATEFUL = """
import http.server, os, signal, sys, threading
state = open(os.environ["HOTRELOAD_STATE_IN"]).read()
VERSION = "one"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{VERSION} {len(state)} {state[:40]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
def stop(*_):
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
server.serve_forever()
WRITE
"""


def stateful(port, what, version="one"):
    text = STATEFUL.replace("PORT", str(port)).replace('VERSION = "one"', f'VERSION = "{version}"')
    return text.replace("WRITE", f'open(os.environ["HOTRELOAD_STATE_OUT"], "w").write({what})')


def start_with_files(files):
    """A daemon whose configuration has one good service and these files."""
    site = Site(daemon=False)
    site.service_file("good", SLEEPER)
    for name, content in files.items():
        path = os.path.join(site.config, "services.d", name)
        if isinstance(content, bytes):
            with open(path, "wb") as file:
                file.write(content)
        else:
            content(path)
    site.start_daemon()
    site.wait_state("good", "running")
    return site


def invalid_with(content, *words):
    """Such a service file shows as invalid, with these words, and keeps no other from loading."""
    with start_with_files({"bad.conf": content}) as site:
        bad = site.service("bad")
        equal(bad["state"], "invalid", "state")
        for word in ("bad.conf", *words):
            check(word in bad["error"], f"the error does not say {word!r}: {bad['error']}")
        result = site.hrctl("start", "bad")
        equal(result.returncode, 1, "start of an invalid service")
        check("bad.conf" in result.stderr, result.stderr)
        result = site.hrctl("check", os.path.join(site.config, "services.d", "bad.conf"))
        equal(result.returncode, 1, "hrctl check")
        check("bad.conf" in result.stderr, result.stderr)


@test("bad-input-service-file-empty")
def _():
    invalid_with(b"", "Exec")


@test("bad-input-service-file-binary")
def _():
    invalid_with(bytes(range(256)) * 10)


@test("bad-input-service-file-truncated")
def _():
    invalid_with(b"[Service]\nExec=/bin/sleep 1\n[Wat", "3")


@test("bad-input-service-file-huge")
def _():
    invalid_with(b"[Service]\nExec=/bin/sleep 1\n" + b"# filler\n" * 200000)


@test("bad-input-service-file-cyclic-symlink")
def _():
    invalid_with(lambda path: os.symlink("bad.conf", path))


@test("bad-input-service-file-name-outside-the-pattern")
def _():
    with start_with_files({"Not A Name.conf": SLEEPER.encode()}) as site:
        check(any("Not A Name" in (s["error"] or "") for s in site.status()["services"]), site.status())


def damaged_state(name, damage, service=SLEEPER):
    """Runs a daemon, stops it, damages a file below its state directory, and runs another."""
    site = Site()
    site.add("good", service)
    site.stop_daemon()
    damage(site)
    site.start_daemon()
    site.wait_state("good", "running")
    return site


def cut(path):
    """What a disk leaves that was full, or lost its power."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    write(path, text[:len(text) // 2])


@test("bad-input-run-state-truncated-is-set-aside")
def _():
    with damaged_state("run-state", lambda site: cut(os.path.join(site.state, "run-state.json"))) as site:
        check(glob.glob(os.path.join(site.state, "run-state.json.broken*")), os.listdir(site.state))
        check("run-state.json" in site.daemon_log(), site.daemon_log())


@test("bad-input-run-state-of-one-service-truncated-is-set-aside-and-hurts-no-other")
def _():
    with Site() as site:
        for name in ("web", "other"):
            site.add(name, SLEEPER)
            equal(site.hrctl("stop", name).returncode, 0, f"stop of {name}")
        site.stop_daemon()
        path = os.path.join(site.state, "run-state", "web")
        cut(path + ".boot")
        cut(path + ".json")
        site.start_daemon()
        # It was stopped on request, which nothing tells any more: it starts as any does.
        site.wait_state("web", "running")
        equal(site.service("other")["state"], "stopped", "state of the other one")
        for suffix in (".boot", ".json"):
            check(os.path.exists(path + suffix + ".broken"), os.listdir(os.path.dirname(path)))
            check(path + suffix in site.daemon_log(), site.daemon_log())


@test("bad-input-run-state-before-each-service-had-a-file-is-gone-on-with")
def _():
    with Site() as site:
        for name in ("web", "other"):
            site.add(name, SLEEPER)
        equal(site.hrctl("stop", "other").returncode, 0, "stop")
        pid = site.service("web")["pid"]
        site.stop_daemon(signal.SIGKILL)
        directory, services = os.path.join(site.state, "run-state"), {}
        for name in ("web", "other"):
            with open(os.path.join(directory, name + ".boot"), encoding="utf-8") as file:
                services[name] = json.load(file)["service"]
        shutil.rmtree(directory)
        write(directory + ".json", json.dumps({"version": 1, "paused": True, "services": services}))
        site.start_daemon()
        equal(site.service("web")["pid"], pid, "PID of what ran on")
        equal(site.service("other")["state"], "stopped", "state of what was stopped")
        equal(site.status()["paused"], True, "whether everything is paused")
        with open(directory + ".json", encoding="utf-8") as file:
            equal(json.load(file)["version"], 2, "version of the state, which an older daemon refuses")


@test("bad-input-run-state-of-a-newer-version-is-refused-and-kept")
def _():
    with Site() as site:
        site.stop_daemon()
        path, text = os.path.join(site.state, "run-state.json"), '{"version": 999, "services": {}}'
        write(path, text)
        site.start_daemon(expect_ready=False)
        check(site.daemon.wait(DEADLINE) not in (0, None), "exit status of the daemon")
        site.daemon = None
        check("its version is 999" in site.daemon_log() and path in site.daemon_log(), site.daemon_log())
        with open(path, encoding="utf-8") as file:
            equal(file.read(), text, "the run state")
        os.unlink(path)
        site.start_daemon()


@test("bad-input-run-state-of-someone-else-names-no-process-of-ours")
def _():
    # A record that names a foreign process must not end it.
    victim = subprocess.Popen(["/bin/sleep", "1000"])
    try:
        def damage(site):
            path = os.path.join(site.state, "run-state", "good.boot")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            foreign = {"pid": victim.pid, "pidStart": 1, "instance": "good-1-a", "ready": True}
            state = json.loads(text)
            state["service"].update(current=foreign, others=[foreign])
            write(path, json.dumps(state))
        with damaged_state("run-state", damage):
            equal(victim.poll(), None, "the foreign process")
    finally:
        victim.kill()
        victim.wait()


@test("bad-input-history-truncated-loses-nothing")
def _():
    with Site() as site:
        source = site.source("web", {"run.sh": "#!/bin/sh\nexec sleep 1000\n"})
        site.add("web", f"[Service]\nExec=/bin/sh run.sh\nSource={source}\nReady=delay:10ms\n")
        equal(len(site.history()), 1, "entries")
        site.stop_daemon()
        path = os.path.join(site.state, "history.jsonl")
        with open(path, "ab") as file:
            file.write(b'{"timestamp": "2026-')
        site.start_daemon()
        site.wait_state("web", "running")
        equal(site.hrctl("reload", "web").returncode, 0, "reload")
        equal(len(site.history()), 2, "entries after a cut line")
        check(b'{"timestamp": "2026-\n' in open(path, "rb").read(), "the cut line is gone")


@test("bad-input-store-with-a-missing-object-keeps-working")
def _():
    with Site() as site:
        source = site.source("web", {"run.sh": "#!/bin/sh\nexec sleep 1000\n", "data": "one"})
        site.add("web", f"[Service]\nExec=/bin/sh run.sh\nSource={source}\nReady=delay:10ms\n")
        site.stop_daemon()
        objects = glob.glob(os.path.join(site.state, "store.git", "objects", "??", "*"))
        objects += glob.glob(os.path.join(site.state, "store.git", "objects", "pack", "*.pack"))
        check(objects, "the store has no objects")
        for path in objects:
            os.chmod(path, 0o644)
            with open(path, "r+b") as file:
                file.truncate(os.path.getsize(path) // 2)
        site.start_daemon()
        write(os.path.join(source, "data"), "two")
        until(lambda: site.service("web")["state"] in ("running", "failed"), "the service settles")
        result = site.hrctl("reload", "web")
        if result.returncode != 0:
            check("store.git" in result.stderr, f"the error does not name the store: {result.stderr}")
        else:
            equal(site.service("web")["state"], "running", "state")


@test("bad-input-store-with-damaged-objects-is-repaired-from-the-source-by-a-reload")
def _():
    with Site() as site:
        source = site.source("web", {"run.sh": "#!/bin/sh\nexec sleep 1000\n", "data": "one", "sub/more": "two"})
        settled = max(os.stat(os.path.join(source, name)).st_ctime for name in ("run.sh", "data", "sub/more")) + 0.1
        until(lambda: time.time() > settled, "the files are old enough to be known by their times")
        site.add("web", f"[Service]\nExec=/bin/sh run.sh\nSource={source}\nReady=delay:10ms\n")
        site.stop_daemon()
        for path in glob.glob(os.path.join(site.state, "slots", "web", "*")):
            shutil.rmtree(path, ignore_errors=True)
        objects = glob.glob(os.path.join(site.state, "store.git", "objects", "??", "*"))
        check(objects, "the store has no objects")
        for path in objects:
            os.chmod(path, 0o644)
            write(path, "garbage")
        site.start_daemon()
        until(lambda: site.service("web")["state"] in ("running", "failed"), "the service settles")
        error = site.service("web")["error"] or ""
        check("store.git" in error and "'hrctl reload web'" in error, "it is said what to do: " + error)
        result = site.hrctl("reload", "web")
        equal(result.returncode, 0, "a reload: " + result.stderr)
        equal(site.service("web")["state"], "running", "state")
        check(glob.glob(os.path.join(site.state, "store.git", "objects", "??", "*.broken")), "nothing was set aside")


@test("bad-input-store-that-is-no-repository-names-the-remedy")
def _():
    with Site(daemon=False) as site:
        source = site.source("web", {"run.sh": "#!/bin/sh\nexec sleep 1000\n"})
        write(os.path.join(site.state, "store.git"), "this is no repository")
        site.service_file("web", f"[Service]\nExec=/bin/sh run.sh\nSource={source}\nReady=delay:10ms\n")
        site.service_file("good", SLEEPER)
        site.start_daemon()
        site.wait_state("good", "running")
        web = site.service("web")
        check("store.git" in (web["error"] or ""), web)
        equal(open(os.path.join(site.state, "store.git"), encoding="utf-8").read(), "this is no repository", "the file")


def refuse_to_start(site, wrapper, *words):
    daemon = site.start_daemon(expect_ready=False, wrapper=wrapper)
    status = daemon.wait(30)
    site.daemon = None
    check(status not in (0, None) and status > 0, f"exit status {status}")
    for word in words:
        check(word in site.daemon_log(), f"the daemon does not say {word!r}: {site.daemon_log()}")


@test("bad-input-state-directory-on-a-read-only-mount-is-refused-by-name")
def _():
    if os.geteuid() != 0:
        raise NotRunHere("a mount needs root")
    with Site(daemon=False) as site:
        os.makedirs(site.state)
        script = f"mount -t tmpfs -o ro tmpfs {site.state} && exec \"$@\""
        refuse_to_start(site, ["unshare", "-m", "sh", "-c", script, "sh"], site.state)


@test("bad-input-state-directory-full-loses-nothing")
def _():
    if os.geteuid() != 0:
        raise NotRunHere("a mount needs root")
    with Site(daemon=False) as site:
        os.makedirs(site.state)
        port = free_port()
        source = site.source("web", {"app.py": stateful(port, "'{}'"), "filler": "x" * 600000})
        site.service_file("web", f"[Service]\nExec={PYTHON} app.py\nSource={source}\nListen=http=tcp:127.0.0.1:{port}\n")
        script = f"mount -t tmpfs -o size=3m tmpfs {site.state} && exec \"$@\""
        site.start_daemon(wrapper=["unshare", "-m", "sh", "-c", script, "sh"])
        until(lambda: answers(port, "one"), "the service answers")
        mark = site.signals.mark()
        # What cannot be compressed does not fit: the reload fails and says so, and the old version serves.
        with open(os.path.join(source, "filler"), "wb") as file:
            file.write(os.urandom(6000000))
        failed = site.signals.wait("ReloadFailed", "web", mark)
        check("space" in failed["args"][3], failed["args"][3])
        check(answers(port, "one"), "the old version no longer answers")


@test("bad-input-configuration-directory-that-disappears-stops-nothing")
def _():
    with Site() as site:
        site.add("good", SLEEPER)
        pid = site.service("good")["pid"]
        os.rename(site.config, site.config + ".gone")
        result = site.hrctl("daemon-reload")
        equal(result.returncode, 1, "daemon-reload without a configuration directory")
        check(site.config in result.stderr, result.stderr)
        equal(site.service("good")["pid"], pid, "PID")
        os.rename(site.config + ".gone", site.config)
        equal(site.hrctl("daemon-reload").returncode, 0, "daemon-reload")
        equal(site.service("good")["pid"], pid, "PID")


def state_reload(what, version="two"):
    """Edits a service whose old version writes this as its state; returns site, port and the reload's signal."""
    site = Site()
    port = free_port()
    source = site.source("web", {"app.py": stateful(port, what)})
    site.add("web", f"[Service]\nExec={PYTHON} app.py\nSource={source}\nListen=http=tcp:127.0.0.1:{port}\n")
    mark = site.signals.mark()
    write(os.path.join(source, "app.py"), stateful(port, what, version))
    return site, port, site.signals.wait("ReloadCompleted|ReloadFailed", "web", mark)


@test("bad-input-state-that-is-not-JSON-fails-the-reload-and-is-set-aside")
def _():
    site, port, event = state_reload("'this is not JSON'")
    with site:
        equal(event["signal"], "ReloadFailed", "signal")
        equal(event["args"][2], "preserve", "phase")
        until(lambda: answers(port, "one"), "the old version answers again")
        check(glob.glob(os.path.join(site.state, "snapshots", "web", "*.broken*")), "nothing was set aside")
        site.signals.wait("RolledBack", "web")
        check("hrctl reload web" in event["args"][3], "no remedy is named: " + event["args"][3])
        result = site.hrctl("reload", "web")
        equal(result.returncode, 0, "a reload by hand, which goes on without that state: " + result.stderr)
        check(answers(port, "two"), "the new version does not answer")


@test("bad-input-state-of-64-MB-is-handed-over-byte-for-byte", alike=True)
def _():
    site, port, event = state_reload("'[\"' + 'x' * (64 * 1024 * 1024) + '\"]'")
    with site:
        equal(event["signal"], "ReloadCompleted", "signal")
        equal(get(port)[1].split()[:2], ["two", str(64 * 1024 * 1024 + 4)], "version and length")


@test("bad-input-state-nested-10000-deep-is-handed-over")
def _():
    site, port, event = state_reload("'[' * 10000 + ']' * 10000")
    with site:
        equal(event["signal"], "ReloadCompleted", "signal")
        equal(get(port)[1].split()[:2], ["two", "20000"], "version and length")


@test("bad-input-snapshot-truncated-is-set-aside-and-the-one-before-it-is-used")
def _():
    site, port, event = state_reload("'{\"n\": 1}'")
    with site:
        equal(event["signal"], "ReloadCompleted", "signal")
        site.stop_daemon()
        newest = sorted(glob.glob(os.path.join(site.state, "snapshots", "web", "*.json")))[-1]
        with open(newest, "r+b") as file:
            file.truncate(40)
        site.start_daemon()
        until(lambda: answers(port, '"n": 1'), "it answers with the state before")
        check(glob.glob(newest + ".broken*"), os.listdir(os.path.dirname(newest)))


@test("bad-input-file-names-that-are-no-text-are-shown-and-recorded")
def _():
    with Site() as site:
        source = site.source("web", {"run.sh": "#!/bin/sh\nexec sleep 1000\n"})
        site.add("web", f"[Service]\nExec=/bin/sh run.sh\nSource={source}\nReady=delay:10ms\n")
        mark = site.signals.mark()
        with open(source.encode() + b"/a\xff.json", "wb") as file:
            file.write(b"{}")
        equal(site.signals.wait("ReloadCompleted|ReloadFailed", "web", mark)["signal"], "ReloadCompleted", "signal")
        check(site.history("web")[0]["file"].endswith(".json"), site.history("web")[0])
        check("critical" not in site.daemon_log().lower() and "assertion" not in site.daemon_log(), site.daemon_log())


@test("bad-input-a-program-that-dies-at-its-start-has-its-own-words-in-the-failure")
def _():
    with Site() as site:
        source = site.source("web", {"run.sh": "#!/bin/sh\nexec sleep 1000\n"})
        site.add("web", f"[Service]\nExec=/bin/sh run.sh\nSource={source}\nReady=delay:100ms\n")
        mark = site.signals.mark()
        write(os.path.join(source, "run.sh"), "#!/bin/sh\necho the disk is on fire >&2\nexit 9\n")
        failed = site.signals.wait("ReloadFailed", "web", mark)
        check("status 9" in failed["args"][3] and "the disk is on fire" in failed["args"][3], failed["args"][3])
        check("the disk is on fire" in site.history("web")[0]["error"], site.history("web")[0])


if __name__ == "__main__":
    sys.exit(main())
