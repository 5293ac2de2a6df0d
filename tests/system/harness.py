# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the system tests share: a private bus, the real daemon, real services, and waiting for events with a deadline.

Nothing here waits for a fixed time. A Site is one user's machine in a temporary directory: bus, daemon, configuration,
state; its environment is built from nothing, so that no test depends on whoever runs it.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

# All of it is the tests' as well, which import nothing but this.
# pylint: disable=unused-import
from basics import BUILD, DEADLINE, FOUND, PYTHON, SOURCE, Failure, NotRunHere, check, equal, select_nothing, until
from bus_signals import Signals, parse_arguments
from http_client import Load, answers, free_port, get


class Site:
    """A private bus, a daemon on it, and the directories of both."""

    # For the bus's configuration.
    bus_limits = ""

    def __init__(self, daemon=True, arguments=(), environment=None):
        self.root = tempfile.mkdtemp(prefix="hr-", dir=os.environ.get("TMPDIR", "/tmp"))
        self.config = os.path.join(self.root, "config")
        self.state = os.path.join(self.root, "state")
        self.runtime = os.path.join(self.root, "run")
        self.home = os.path.join(self.root, "home")
        for path in (os.path.join(self.config, "services.d"), self.runtime, self.home):
            os.makedirs(path)
        os.chmod(self.runtime, 0o700)
        self.arguments = list(arguments)
        self.processes = []
        self.daemon = None
        self.signals = None
        # hrctl looks for the daemon on PATH, programs look for hrctl there.
        path = f"{BUILD}/client/hrctl:{BUILD}/daemon:/usr/local/bin:/usr/bin:/bin"
        self.environment = {"PATH": path, "HOME": self.home, "LANG": "C.UTF-8",
                            "XDG_RUNTIME_DIR": self.runtime, "HOTRELOAD_LIBEXECDIR": helper_directory(),
                            "USER": "tester", "SHELL": "/bin/sh"}
        # What a sanitizer finds in daemon or client, whatever their exit status: close() looks for it.
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            given = os.environ.get(name)
            self.environment[name] = (f"{given}:" if given else "") + f"log_path={self.path('sanitizer')}:exitcode={FOUND}"
        self.environment.update(environment or {})
        self.start_bus()
        self.signals = Signals(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        if daemon:
            self.start_daemon()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not isinstance(error, NotRunHere):
            self.explain()
        self.close()

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def start_bus(self):
        # Not the machine's session.conf: it starts what is installed there.
        conf = self.path("bus.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write('<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
                       '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd"><busconfig><type>session</type>'
                       f'<listen>unix:path={self.path("bus")}</listen><auth>EXTERNAL</auth>'
                       '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
                       '<allow eavesdrop="true"/><allow own="*"/></policy>'
                       f'{self.bus_limits}</busconfig>')
        process = subprocess.Popen(["dbus-daemon", f"--config-file={conf}", "--nofork", "--print-address"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=self.environment)
        self.processes.append(process)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = process.stdout.readline().strip()
        check(self.environment["DBUS_SESSION_BUS_ADDRESS"], "the bus did not start")

    def start_daemon(self, expect_ready=True, wrapper=(), pass_fds=()):
        """Starts the daemon and waits until it says that it is ready; the wrapper gets pass_fds, too."""
        notify_path = self.path("notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify_path)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(notify_path)
        notify.settimeout(DEADLINE)
        self.log = open(self.path("daemon.log"), "ab")
        self.daemon = subprocess.Popen(
            [*wrapper, *self.daemon_command()], env={**self.environment, "NOTIFY_SOCKET": notify_path}, stdout=self.log, stderr=self.log,
            stdin=subprocess.DEVNULL, pass_fds=pass_fds)
        if not expect_ready:
            notify.close()
            return self.daemon
        while True:
            readable = selectors.DefaultSelector()
            readable.register(notify, selectors.EVENT_READ)
            pidfd = os.pidfd_open(self.daemon.pid)
            readable.register(pidfd, selectors.EVENT_READ)
            events = readable.select(DEADLINE)
            os.close(pidfd)
            if any(key.fileobj is notify for key, _ in events):
                if b"READY=1" in notify.recv(4096):
                    break
                continue
            raise Failure(f"the daemon did not become ready: {self.daemon_log()[-2000:]}")
        notify.close()
        return self.daemon

    def start_daemon_without_groups(self):
        """A daemon that can make no control groups, as most ordinary users' cannot: what its services leave behind is
        found by session, environment and parents."""
        hide = ()
        if os.geteuid() == 0:
            hide = ("unshare", "-m", "sh", "-ec",
                    'test ! -d /sys/fs/cgroup || mount -t tmpfs none /sys/fs/cgroup; exec "$0" "$@"')
            result = subprocess.run([*hide, "true"], capture_output=True, text=True, check=False, timeout=DEADLINE)
            if result.returncode != 0:
                raise NotRunHere("/sys/fs/cgroup cannot be hidden: " + result.stderr.strip())
        self.start_daemon(wrapper=hide)
        group = self.status()["daemon"]["cgroup"]
        if group is not None:
            raise NotRunHere(f"the daemon can make groups in '{group}'")

    def daemon_command(self):
        return [os.path.join(BUILD, "daemon", "hotreloadd"), "--session", f"--config-dir={self.config}",
                f"--state-dir={self.state}", f"--runtime-dir={self.runtime}/hotreload", *self.arguments]

    def start_daemon_beside(self):
        """A second daemon for the same directories; its end is the caller's matter."""
        process = subprocess.Popen(self.daemon_command(), env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def run_daemon_alone(self, *words):
        """A daemon with these words only, which is expected to end; returns its exit status and what it said."""
        result = subprocess.run([self.daemon_command()[0], *words], env=self.environment, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, check=False, timeout=DEADLINE)
        return result.returncode, result.stdout + result.stderr

    def stop_daemon(self, signal_number=signal.SIGTERM):
        if self.daemon is None:
            return None
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal_number)
        status = self.daemon.wait(DEADLINE)
        self.daemon = None
        check(status != FOUND, "a sanitizer found something in the daemon:", self.daemon_log()[-3000:])
        return status

    def daemon_log(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path("daemon.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        return ""

    def explain(self):
        print("# the daemon said:")
        for line in self.daemon_log().splitlines()[-40:]:
            print("#  ", line)
        for event in self.signals.events[-40:]:
            print("#  ", event["signal"], event["args"][:4])
        logs = os.path.join(self.state, "logs")
        if os.path.isdir(logs):
            for name in sorted(os.listdir(logs)):
                if name.endswith(".log") and not os.path.islink(os.path.join(logs, name)):
                    with open(os.path.join(logs, name), "rb") as file:
                        # It may begin with a hole.
                        file.seek(max(0, os.fstat(file.fileno()).st_size - 16384))
                        for line in file.read().lstrip(b"\0").decode(errors="replace").splitlines()[-10:]:
                            print("#  ", name[:24], line)

    def close(self):
        try:
            status = self.stop_daemon()
            if status not in (None, 0):
                raise Failure(f"the daemon ended with {status}: {self.daemon_log()[-3000:]}")
        finally:
            reports = self.sanitizer_reports()
            if self.signals is not None:
                self.signals.stop()
            for process in reversed(self.processes):
                process.terminate()
                process.wait()
            # A daemon that hrctl started is not ours to wait for, and its keeper ends with it.
            with contextlib.suppress(Failure):
                until(lambda: not self.keepers(), "the keeper has ended")
            left = []
            for pid in self.left_over() + self.keepers():
                with contextlib.suppress(OSError):
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        left.append((pid, file.read().replace(b"\0", b" ").decode(errors="replace").strip()))
                    os.kill(pid, signal.SIGKILL)
            subprocess.run(["chmod", "-R", "u+rwX", self.root], check=False)
            shutil.rmtree(self.root, ignore_errors=True)
        check(not reports, "a sanitizer found:", reports)
        check(not left, "the daemon left processes of services, or its keeper, behind:", left)

    def sanitizer_reports(self):
        reports = []
        for name in sorted(os.listdir(self.root)):
            if name.startswith("sanitizer."):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    reports.append(file.read()[:5000])
        return "\n".join(reports)

    # Configuration

    def source(self, name, files):
        """A source directory with these files."""
        top = self.path("src", name)
        for path, text in files.items():
            write(os.path.join(top, path), text)
        return top

    def service_file(self, name, text):
        return write(os.path.join(self.config, "services.d", name + ".conf"), text)

    def add(self, name, text, wait="running"):
        """Writes a service file, has it read, and waits for the service's state."""
        mark = self.signals.mark()
        self.service_file(name, text)
        result = self.hrctl("daemon-reload", "--no-wait")
        equal(result.returncode, 1 if wait == "invalid" else 0, "daemon-reload " + result.stderr)
        if wait:
            self.wait_state(name, wait, mark)
        return mark

    def wait_state(self, name, state, after=None):
        """Waits until the service is in that state; with a mark, until it entered it after the mark."""
        if after is not None:
            self.signals.wait("ServiceStateChanged", name, after, lambda args: args[2] == state)
            return
        mark = self.signals.mark()
        if (self.service(name, missing=None) or {}).get("state") != state:
            self.signals.wait("ServiceStateChanged", name, mark, lambda args: args[2] == state)

    def wait_good(self, name, release):
        until(lambda: any(r["number"] == release and r["fate"] == "good" for r in self.releases(name)),
              f"release {release} of '{name}' becomes good: {self.releases(name)}")

    # Programs

    def hrctl(self, *words, **options):
        options.setdefault("timeout", DEADLINE * 2)
        options.setdefault("env", self.environment)
        options.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run([os.path.join(BUILD, "client", "hrctl", "hrctl"), *words], capture_output=True, text=True,
                                check=False, **options)
        check(result.returncode != FOUND, "a sanitizer found something in hrctl", words, result.stderr)
        return result

    def json(self, *words):
        result = self.hrctl("--json", *words)
        try:
            return json.loads(result.stdout)
        except ValueError:
            raise Failure(f"hrctl --json {words}: exit {result.returncode}, {result.stdout!r}, {result.stderr!r}")

    def dbus_send(self, method, *arguments, path="/org/hotreload/Manager", interface="org.hotreload.Manager"):
        return subprocess.run(["dbus-send", "--session", "--print-reply", "--dest=org.hotreload.Manager", path,
                               f"{interface}.{method}", *arguments], capture_output=True, text=True, check=False,
                              env=self.environment, timeout=DEADLINE)

    def call(self, method, *arguments, path="/org/hotreload/Manager", interface="org.hotreload.Manager"):
        """A call that must succeed, with dbus-send's words for its arguments; returns the values of the reply."""
        result = self.dbus_send(method, *arguments, path=path, interface=interface)
        equal(result.returncode, 0, f"{method}{arguments}: {result.stderr}")
        return parse_arguments(result.stdout.partition("\n")[2])

    def property(self, name, path="/org/hotreload/Manager", interface="org.hotreload.Manager"):
        return self.call("Get", f"string:{interface}", f"string:{name}", path=path,
                         interface="org.freedesktop.DBus.Properties")[0]

    def service_property(self, service, name):
        return self.property(name, f"/org/hotreload/service/{service}", "org.hotreload.Service")

    def job_property(self, job, name):
        return self.property(name, job, "org.hotreload.Job")

    def job_ended(self, job):
        """Waits until a job has ended; returns its result."""
        until(lambda: self.job_property(job, "Result") != "running", f"{job} ends")
        return self.job_property(job, "Result")

    def gdbus(self, method, *arguments, path="/org/hotreload/Manager", interface="org.hotreload.Manager"):
        """A call with arguments that dbus-send cannot write, as GVariant text."""
        return subprocess.run(["gdbus", "call", "--session", "--dest", "org.hotreload.Manager", "--object-path", path,
                               "--method", f"{interface}.{method}", *arguments], capture_output=True, text=True,
                              check=False, env=self.environment, timeout=DEADLINE)

    def status(self):
        return self.json("status")

    def service(self, name, missing="error"):
        for service in self.status()["services"]:
            if service["name"] == name:
                return service
        if missing == "error":
            raise Failure(f"no service '{name}' in status")
        return missing

    def releases(self, name):
        return self.json("releases", name)

    def history(self, name=None):
        return self.json("history", *([name] if name else []), "-n", "100")

    def source_listing(self, top):
        """Everything in a source directory, to prove that nothing was written there: the times of directories tell of
        files that came and went."""
        listing = {}
        for directory, directories, files in os.walk(top):
            for path in [directory, *(os.path.join(directory, name) for name in [*directories, *files])]:
                info = os.lstat(path)
                listing[path] = (info.st_mode, info.st_ctime_ns, info.st_mtime_ns, info.st_size, info.st_ino)
        return listing

    def processes_of_services(self):
        """All processes that were started for services of this site: {PID: (service, instance)}, by what is in their
        environment."""
        mark = b"HOTRELOAD_STATE_IN=" + self.root.encode() + b"/"
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/environ", "rb") as file:
                    lines = file.read().split(b"\0")
                instance = [line for line in lines if line.startswith(mark)]
                service = [line for line in lines if line.startswith(b"HOTRELOAD_SERVICE=")]
                if instance and service:
                    found[int(pid)] = (service[0].partition(b"=")[2].decode(), instance[0])
        return found

    def reexec(self):
        """Has the daemon re-executed; returns how long that took."""
        began = time.monotonic()
        result = self.hrctl("daemon-reexec")
        equal((result.returncode, result.stderr), (0, ""), f"daemon-reexec said {result.stdout!r}")
        return time.monotonic() - began

    def left_over(self):
        """PIDs of all processes that were started for services of this site."""
        return list(self.processes_of_services())

    def keepers(self):
        """PIDs of the processes that keep descriptors for the daemons of this site."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
                if any(word.startswith("--keep=") for word in words) and words[-2].startswith(self.root + "/"):
                    found.append(int(pid))
        return found

    def drained(self, service):
        """Waits until the old instance has ended: until it has heard the stop signal, it may take a connection."""
        until(lambda: len({i for s, i in self.processes_of_services().values() if s == service}) <= 1,
              f"the old instance of '{service}' has ended")


class Follower:
    """An hrctl that goes on until it is told to end; what it says goes to files."""

    def __init__(self, site, *words, name="follower", **options):
        self.out, self.err = site.path(name + ".out"), site.path(name + ".err")
        options.setdefault("env", site.environment)
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([os.path.join(BUILD, "client", "hrctl", "hrctl"), *words], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL, **options)
        site.processes.append(self.process)

    def text(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def wait_out(self, words):
        until(lambda: words in self.text(self.out), f"'{words}' in {self.out}: {self.text(self.out)}")

    def wait_err(self, words):
        until(lambda: words in self.text(self.err), f"'{words}' in {self.err}")


def helper_directory():
    """hotreload-exec and the adopt library side by side, as after installation."""
    return os.path.join(BUILD, "daemon", "exec")


def write(path, text):
    """Writes as most editors do: in place."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def write_atomic(path, text):
    """Writes as careful editors do: temporary file, then rename."""
    temporary = os.path.join(os.path.dirname(path), ".tmp-" + os.path.basename(path))
    write(temporary, text)
    os.rename(temporary, path)


class Gate:
    """A place where a program waits until the test lets it go: a FIFO that it opens and reads to the end."""

    def __init__(self, site, name="gate"):
        self.path = site.path(name)
        os.mkfifo(self.path)
        self.writer = None

    def arrived(self):
        """Waits until a program is there."""
        def reader():
            with contextlib.suppress(OSError):
                self.writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                return True
            return False
        until(reader, f"a program comes to {self.path}")

    def release(self):
        """Lets go the program that is there, or waits until one comes."""
        if self.writer is None:
            self.arrived()
        self.close()

    def close(self):
        """Lets go the program that was there; it may be gone."""
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None


def is_alive(pid):
    """Whether a process runs: a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


TESTS = []
# Set where as_user.py runs what root has run before.
AGAIN = "HOTRELOAD_TEST_AGAIN" in os.environ


def test(name, alike=False):
    """Registers a test under the name of the promise, case or pain that it proves. One that is alike takes its time and
    does the same whoever runs it: it is not run again as an ordinary user."""
    def register(function):
        TESTS.append((name, function, alike))
        return function
    return register


def is_chosen(name, alike=False):
    """Whether a test of this name runs now."""
    return (len(sys.argv) < 2 or any(a in name for a in sys.argv[1:])) and not (AGAIN and alike)


def main():
    """Runs the registered tests, or those whose names contain an argument; speaks TAP."""
    chosen = [(name, function) for name, function, alike in TESTS if is_chosen(name, alike)]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        began = time.monotonic()
        try:
            function()
            print(f"ok {number} {name}")
        except NotRunHere as reason:
            print(f"ok {number} {name} # SKIP not run here: {reason}")
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            for line in "".join(traceback.format_exception(error)).splitlines():
                print("#", line)
            print(f"not ok {number} {name}")
        print(f"# {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0
