#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the everyday user types: `hrctl run -- node server.js` and `hrctl run -- npm start`, with node_modules and no
configuration at all. Where npm is not installed, a launcher that starts the server as npm does stands for it."""

import os
import shutil
import signal
import subprocess
import sys

from harness import BUILD, DEADLINE, Load, NotRunHere, Site, answers, check, equal, free_port, get, main, test, until, write

SERVER = """
const http = require('http');
const greet = require('greet');
const server = http.createServer((request, response) => response.end(greet('VERSION')));
server.listen(PORT, '127.0.0.1');
process.on('SIGTERM', () => { server.close(); server.closeIdleConnections(); });
"""

# npm start: node runs a shell with descriptors of its own choice, the shell runs node; signals are passed on.
LAUNCHER = """
const { spawn } = require('child_process');
const script = require('./package.json').scripts[process.argv[2]];
const child = spawn('sh', ['-c', script + '; exit $?'], { stdio: 'inherit' });
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => child.kill(name));
child.on('exit', (code, signal) => process.exit(signal ? 1 : code));
"""

PACKAGE = '{"name": "svc", "version": "1.0.0", "scripts": {"start": "node server.js"}}\n'


def server(version, port):
    return SERVER.replace("VERSION", version).replace("PORT", str(port))


def run(*command, proven=False):
    """Runs it, saves while it is asked all the time, edits what is in node_modules, and interrupts it. RollbackAfter is
    that of everybody, 5 s: where the first release need not have proven itself it is not waited for."""
    with Site() as site:
        if shutil.which(command[0], path=site.environment["PATH"]) is None:
            raise NotRunHere(f"there is no {command[0]}")
        port = free_port()
        top = site.source("svc", {"server.js": server("one", port), "package.json": PACKAGE, "launch.js": LAUNCHER,
                                  "node_modules/greet/index.js": "module.exports = name => 'hello ' + name;\n",
                                  "node_modules/greet/package.json": '{"name": "greet", "version": "1.0.0"}\n'})
        before = site.source_listing(top)
        log = site.path("run.log")
        with open(log, "wb") as out:
            process = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), "run", "--name=svc", "--",
                                        *command], cwd=top, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                       env={**site.environment, "npm_config_update_notifier": "false"})
        site.processes.append(process)
        until(lambda: answers(port, "hello one") or process.poll() is not None, "the server answers")
        equal(process.poll(), None, "hrctl run")
        equal(site.source_listing(top), before, "the source directory")
        if proven:
            site.wait_good("svc", 1)
        for version in ("two", "three"):
            load = Load(port, connections=4)
            mark = site.signals.mark()
            write(os.path.join(top, "server.js"), server(version, port))
            event = site.signals.wait("ReloadCompleted|ReloadFailed", "svc", mark)
            equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
            site.drained("svc")
            equal(load.stop(), [], f"requests that failed of {load.count}")
            equal(get(port)[1].strip(), f"hello {version}", "answer")
        # node_modules is used in place and not recorded; a new process sees what it holds.
        check(not any("node_modules" in path for release in site.releases("svc") for path in release["files"]),
              "node_modules is recorded:", site.releases("svc"))
        write(os.path.join(top, "node_modules/greet/index.js"), "module.exports = name => 'good day ' + name;\n")
        equal(site.hrctl("reload", "svc").returncode, 0, "reload by hand")
        site.drained("svc")
        equal(get(port)[1].strip(), "good day three", "answer")
        mark = site.signals.mark()
        write(os.path.join(top, "server.js"), "broken(\n")
        equal(site.signals.wait("ReloadCompleted|ReloadFailed", "svc", mark)["signal"], "ReloadFailed", "a broken save")
        equal(get(port)[1].strip(), "good day three", "answer")
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
        equal(site.left_over(), [], "processes after Ctrl-C")
        check(not answers(port, "good day"), "it still answers")


@test("run-node-server.js-with-its-node_modules-and-no-configuration")
def node():
    run("node", "server.js", proven=True)


@test("run-of-a-launcher-that-starts-node-below-a-shell-as-npm-does")
def launcher():
    run("node", "launch.js", "start")


@test("run-npm-start-with-its-node_modules-and-no-configuration", alike=True)
def npm():
    run("npm", "start")


if __name__ == "__main__":
    sys.exit(main())
