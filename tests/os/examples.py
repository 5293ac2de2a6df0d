#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example services are handed over without losing a request or a number.

Plays the daemon: holds the listener, makes each candidate wait in its open of HOTRELOAD_STATE_IN by a lease, stops the
old instance, hands its state on. Meanwhile 20 clients open a connection for each request.

usage: examples.py SOURCE-DIR c|python|node|shell [RELOADS]
"""

import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 60
CLIENTS = 20
SKIP = 77


def skip(why):
    print(f"not run here: {why}")
    sys.exit(SKIP)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Instance:
    """A program with its two files; it waits in its open of the first."""

    def __init__(self, number, directory, command, cwd, environment, fds):
        self.state_in = os.path.join(directory, f"{number}.in")
        self.state_out = os.path.join(directory, f"{number}.out")
        self.file = open(self.state_in, "w+b")
        self.file.write(b"{}")
        self.file.flush()
        try:
            fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            skip(f"leases are refused: {error}")
        environment = dict(environment, HOTRELOAD_STATE_IN=self.state_in, HOTRELOAD_STATE_OUT=self.state_out)
        # LISTEN_PID can only be known by the process itself.
        wrapped = ["/bin/sh", "-c", 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', "sh"] + command
        self.process = subprocess.Popen(wrapped, cwd=cwd, env=environment, pass_fds=fds,
                                        start_new_session=True, preexec_fn=unblock)

    def wait_opened(self):
        check(signal.sigtimedwait([signal.SIGIO], DEADLINE), "the candidate did not open its state")
        check(self.process.poll() is None, "the candidate ended")

    def give(self, state):
        self.file.seek(0)
        self.file.truncate()
        self.file.write(state)
        self.file.flush()
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        self.file.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(DEADLINE)
        check(status == 0, f"an instance ended with {status}")
        with open(self.state_out, "rb") as file:
            return file.read()

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def unblock():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])


class Load(threading.Thread):
    """A client that opens a connection for each request."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port = port
        self.number = number
        self.stop = threading.Event()
        self.grown = 0
        self.failures = []

    def run(self):
        while not self.stop.is_set():
            try:
                if self.number % 2 == 0:
                    request(self.port, "POST", "/grow", body=b"x" * 2000)
                else:
                    request(self.port, "GET", "/grow")
                self.grown += 1
            except Exception as error:  # whatever it is, it is a failed request
                self.failures.append(repr(error))


def request(port, method, path, body=None):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        client.request(method, path, body=body)
        response = client.getresponse()
        text = response.read()
        check(response.status == 200, f"{method} {path}: {response.status}")
        return text
    finally:
        client.close()


def command_of(source, language, directory):
    examples = os.path.join(source, "data", "examples")
    if language == "shell":
        return ["./counter.sh"], os.path.join(examples, "shell")
    cwd = os.path.join(examples, "being-system", language)
    if language == "python":
        return [sys.executable, "-B", "being_system.py"], cwd
    if language == "node":
        if shutil.which("node") is None:
            skip("there is no node")
        return ["node", "being-system.js"], cwd
    if shutil.which("cc") is None:
        skip("there is no cc")
    program = os.path.join(directory, "being-system")
    subprocess.run(f"cc -O2 -Wall -o {program} being-system.c $(pkg-config --cflags --libs gio-unix-2.0)", shell=True,
                   cwd=cwd, check=True)
    return [program], cwd


def run_service(start, port, reloads):
    """20 clients, so many reloads, no failure, and every answered growth in the state."""
    current = start()
    current.wait_opened()
    current.give(b'{"currentLevel": 1, "energy": 100, "insights": 0, "transformations": 0}')
    check(json.loads(request(port, "GET", "/being"))["energy"] == 100, "the first state is not there")
    check(request(port, "GET", "/version").strip() == b"1", "the version is not there")
    clients = [Load(port, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(reloads):
        candidate = start()
        candidate.wait_opened()
        candidate.give(current.stop())
        current = candidate
        request(port, "GET", "/being")
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(DEADLINE)
    final = json.loads(current.stop())
    failures = [failure for client in clients for failure in client.failures]
    grown = sum(client.grown for client in clients)
    print(f"{grown} requests over {reloads} reloads, {len(failures)} failures, state {final}")
    check(not failures, f"{len(failures)} requests failed: {failures[:5]}")
    check(grown > 0, "nothing was asked for")
    check(final == {"currentLevel": 1 + grown, "energy": 100 + 5 * grown, "insights": 2 * grown,
                    "transformations": grown}, "the state is not what was answered")


def read_count(path, at_least):
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            with open(path, encoding="utf-8") as file:
                count = int(file.read().split()[1])
        except FileNotFoundError:
            count = 0
        if count >= at_least:
            return count
        time.sleep(0.005)
    raise AssertionError(f"the count did not reach {at_least}")


def run_worker(start, path, reloads):
    """Every instance goes on where the one before it ended."""
    current = start()
    current.wait_opened()
    current.give(b'{"count": 40}')
    last = read_count(path, 41)
    for _ in range(reloads):
        candidate = start()
        candidate.wait_opened()
        state = current.stop()
        ended = json.loads(state)["count"]
        check(ended >= last, "the count went back")
        check(read_count(path, 0) == ended, "the state is not what was counted")
        candidate.give(state)
        current = candidate
        last = read_count(path, ended + 1)
    current.stop()


def main():
    source, language = os.path.abspath(sys.argv[1]), sys.argv[2]
    reloads = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
    directory = tempfile.mkdtemp(prefix="hr-examples-")
    instances = []
    environment = {"PATH": os.environ["PATH"], "HOME": directory}
    fds = [] if language == "shell" else [3]
    try:
        command, cwd = command_of(source, language, directory)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        port = listener.getsockname()[1]
        count_file = os.path.join(directory, "count")
        if language == "shell":
            environment.update(COUNT_FILE=count_file, INTERVAL="0.01")
        else:
            environment.update(LISTEN_FDS="1", PORT=str(port))
            if listener.fileno() != 3:
                os.dup2(listener.fileno(), 3)

        def start():
            instances.append(Instance(len(instances), directory, command, cwd, environment, fds))
            return instances[-1]

        if language == "shell":
            run_worker(start, count_file, reloads)
        else:
            run_service(start, port, reloads)
    finally:
        for instance in instances:
            instance.kill()
        shutil.rmtree(directory)


main()
