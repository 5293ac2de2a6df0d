# SPDX-License-Identifier: LGPL-2.1-or-later
"""The services that the system tests run: a small one in Python that starts fast, and the examples in three languages."""

import json
import os
import re
import select
import shutil
import socket
import subprocess

import harness

# Starts in some 20 ms: without site and http.server.
PYTHON = "python3 -S"

APP = '''import json, os, select, signal, socket, sys
VERSION = "1"
# early
state = {"count": 0}
if KEEP:
    with open(os.environ["HOTRELOAD_STATE_IN"]) as file:
        state.update(json.load(file))
wake_in, wake_out = os.pipe()
os.set_blocking(wake_out, False)
signal.set_wakeup_fd(wake_out)
signal.signal(signal.SIGTERM, lambda *_: None)
# late
def answer(path):
    if path == "/grow":
        state["count"] += 1
    if path in ("/grow", "/count"):
        return str(state["count"])
    if path.startswith("/env/"):
        return os.environ.get(path[5:], "")
    if path == "/pid":
        return str(os.getpid())
    if path.startswith("/eval/"):
        from binascii import unhexlify
        return str(eval(unhexlify(path[6:]).decode()))
    return VERSION
def serve(connection):
    connection.settimeout(5)
    request = b""
    while b"\\r\\n\\r\\n" not in request:
        got = connection.recv(4096)
        if not got:
            return
        request += got
    body = answer(request.split()[1].decode()).encode()
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(body) + body)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass
listener = socket.socket(fileno=3)
listener.setblocking(False)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    ready = select.select([listener, wake_in], [], [])[0]
    if wake_in in ready:
        break
    try:
        connection = listener.accept()[0]
    except BlockingIOError:
        continue
    try:
        serve(connection)
    except OSError:
        pass
    connection.close()
listener.close()
# ending
if KEEP:
    with open(os.environ["HOTRELOAD_STATE_OUT"], "w") as file:
        json.dump(state, file)
'''


# What people write first: programs that know nothing of signals, sockets of others or us, and take some time to answer.
UNMODIFIED = {
    "python": ("/usr/bin/python3", "app.py", '''import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.03)
        self.send_response(200)
        self.send_header("Content-Length", str(len("VERSION")))
        self.end_headers()
        self.wfile.write(b"VERSION")
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'''),
    "node": ("/usr/bin/node", "app.js", '''require("http").createServer((request, response) =>
  setTimeout(() => response.end("VERSION"), 30)).listen(PORT, "127.0.0.1");
'''),
}


# It keeps its state, and when it is told to stop it writes that down and is gone, whatever its threads are doing.
ABRUPT = ("/usr/bin/python3", "app.py", '''import http.server, json, os, signal, threading, time
state = {"count": 0, **json.load(open(os.environ["HOTRELOAD_STATE_IN"]))}
lock = threading.Lock()
def stop(*_):
    with open(os.environ["HOTRELOAD_STATE_OUT"], "w") as file:
        json.dump(state, file)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.03)
        with lock:
            state["count"] += self.path == "/grow"
            body = str(state["count"]).encode() if self.path != "/version" else b"VERSION"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
''')


# As ABRUPT, but it binds and listens first, and reads its state a while later.
LATE_STATE = (*ABRUPT[:2], ABRUPT[2].replace(
    'state = {"count": 0, **json.load(open(os.environ["HOTRELOAD_STATE_IN"]))}\n', "").replace(
    'http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()',
    '''server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
time.sleep(0.2)
state = {"count": 0, **json.load(open(os.environ["HOTRELOAD_STATE_IN"]))}
server.serve_forever()'''))

# One answer that never ends: server-sent events, several a second, each with the version that sends it.
EVENTS = ("/usr/bin/python3", "app.py", '''import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        if self.path != "/events":
            self.send_header("Content-Length", str(len("VERSION")))
            self.end_headers()
            self.wfile.write(b"VERSION")
            return
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"data: VERSION\\n\\n")
            time.sleep(0.05)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
''')


class EventStream:
    """A client of it."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=harness.DEADLINE)
        self.connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.next()

    def next(self):
        """The version in the next event that is sent from now on; None when the stream has ended."""
        try:
            while select.select([self.connection], [], [], 0)[0] and self.connection.recv(65536):
                pass
            got = self.connection.recv(65536)
            while got and b"data: " not in got.rsplit(b"\r\n", 1)[-1]:
                got = self.connection.recv(65536)
        except ConnectionResetError:
            return None
        return got.rsplit(b"data: ", 1)[-1].strip().decode() if got else None

    def ended(self):
        """Waits until there is no next one."""
        while self.next() is not None:
            pass


class Unmodified:
    """A service of such a program. It gets nothing from its service file but its command and its source."""

    def __init__(self, site, program, keys=""):
        self.site, self.name = site, "plain"
        self.program, self.file, self.text = program
        self.port = harness.free_port()
        self.top = site.source(self.name, {self.file: self.version("1")})
        site.add(self.name, f"[Service]\nExec={self.program} {self.file}\nSource={self.top}\n"
                 + keys.replace("PORT", str(self.port)))
        harness.until(lambda: harness.answers(self.port, "1", "/version"), f"an answer of '{self.name}'")

    def version(self, version):
        return self.text.replace("PORT", str(self.port)).replace("VERSION", version)

    def save(self, version):
        """Saves it; returns the mark before."""
        mark = self.site.signals.mark()
        harness.write_atomic(os.path.join(self.top, self.file), self.version(version))
        return mark

    def reload(self, version):
        """Saves it, and waits until the new one serves."""
        mark = self.save(version)
        event = self.site.signals.wait("ReloadCompleted|ReloadFailed", self.name, mark)
        harness.equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")


def app(version="1", keep=False, early="", late="", ending=""):
    """The small service: answers with its version; keeps a count over reloads when asked to. Code can be put in before
    it opens its state, before it says that it is ready, and before it writes its state."""
    text = APP.replace("KEEP", str(keep)).replace('VERSION = "1"', f'VERSION = "{version}"')
    for name, code in (("early", early), ("late", late), ("ending", ending)):
        text = text.replace(f"# {name}\n", code.rstrip("\n") + "\n" if code else "")
    return text


# What judges counting() below: as often as it can, over a second.
RATES = {"RollbackAfter": "1s", "Interval": "100ms", "Timeout": "10s", "ErrorRate": "5%",
         "ErrorMetric": 'http://127.0.0.1:%p/metrics#requests_total{code="500"}',
         "TotalMetric": "http://127.0.0.1:%p/metrics#requests_total"}


def counting(version="1", each=0):
    """The small service with metrics: says that each so many-th request failed, though all are answered; 0: none."""
    return app(version).replace('{"count": 0}', '{"count": 0, "all": 0, "bad": 0}').replace("    return VERSION\n", f"""\
    if path == "/metrics":
        return ("# TYPE requests counter\\n"
                f'requests_total{{{{code="200"}}}} {{state["all"] - state["bad"]}}\\n'
                f'requests_total{{{{code="500"}}}} {{state["bad"]}}\\n# EOF\\n')
    state["all"] += 1
    state["bad"] += {each} > 0 and state["all"] % max({each}, 1) == 0
    return VERSION
""")


def at_gate(gate):
    """Code that waits at a gate."""
    return f"open({gate.path!r}).read()\n"


def key_file(groups):
    """The text of a service file of {group: {key: value}}."""
    lines = []
    for group, keys in groups.items():
        lines.append(f"[{group}]")
        lines += [f"{key}={value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


class Service:
    """A service of a site: its source, its file, its port."""

    def __init__(self, site, name, files=None, groups=None, start=True, **service):
        self.site, self.name = site, name
        self.port = harness.free_port()
        self.main = "app.py"
        self.top = site.source(name, {"app.py": app()} if files is None else files)
        self.groups = {"Service": {"Exec": f"{PYTHON} app.py", "Source": self.top,
                                   "Listen": f"http=tcp:127.0.0.1:{self.port}"},
                       "PostCheck": {"RollbackAfter": "50ms"}}
        for group, keys in {"Service": service, **(groups or {})}.items():
            self.groups.setdefault(group, {}).update(keys)
            for key in [key for key, value in keys.items() if value is None]:
                del self.groups[group][key]
        self.write_file()
        if start:
            self.begin()

    def write_file(self):
        self.site.service_file(self.name, key_file(self.groups))

    def begin(self):
        """Has the configuration read, and waits until the service runs."""
        mark = self.site.signals.mark()
        result = self.site.hrctl("daemon-reload", "--no-wait")
        harness.equal(result.returncode, 0, "daemon-reload " + result.stderr)
        self.running(mark)

    def running(self, mark):
        """Waits until its first release runs, or fails at once when it cannot."""
        event = self.site.signals.wait("ServiceStateChanged|ReloadFailed", self.name, mark,
                                       lambda args: len(args) > 3 or args[2] in ("running", "invalid", "failed"))
        harness.equal(event["args"][2], "running", f"state of '{self.name}'")

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def save(self, text, file=None):
        """Saves a file of the source; returns the mark before."""
        mark = self.site.signals.mark()
        harness.write(self.path(file or self.main), text)
        return mark

    def ended(self, mark):
        """The end of the first reload after the mark."""
        return self.site.signals.wait("ReloadCompleted|ReloadFailed", self.name, mark)

    def completed(self, mark, release=None, drained=True):
        """The first reload after the mark must succeed, with this release; waits until the old instance has ended, too,
        unless told otherwise."""
        event = self.ended(mark)
        harness.equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
        if release is not None:
            harness.equal(event["args"][2], release, "release")
        if drained:
            self.site.drained(self.name)
        return event

    def failed(self, mark, phase=None):
        """The first reload after the mark must fail, in this phase."""
        event = self.ended(mark)
        harness.equal(event["signal"], "ReloadFailed", f"end of the reload {event['args']}")
        if phase is not None:
            harness.equal(event["args"][2], phase, f"phase of {event['args'][3]!r}")
        return event

    def good(self, release):
        """Waits until the release has proven itself."""
        self.site.wait_good(self.name, release)

    def ask(self, path="/"):
        status, body = harness.get(self.port, path)
        harness.equal(status, 200, f"status of {path} from '{self.name}'")
        return body.strip()

    def evaluate(self, expression):
        """What the small service computes this Python expression to, as text."""
        return self.ask("/eval/" + expression.encode().hex())

    @property
    def shown(self):
        return self.site.service(self.name)

    @property
    def pid(self):
        return self.shown["pid"]

    @property
    def releases(self):
        return self.site.releases(self.name)

    def last_release(self):
        return self.releases[-1]


EXAMPLES = {"python": ("being-system.conf", "being_system.py", 'VERSION = "{}"'),
            "node": ("being-system-node.conf", "being-system.js", "VERSION = '{}'"),
            "c": ("being-system-c.conf", "being-system.c", '#define VERSION "{}"')}


class Example(Service):
    """being-system in one of three languages, as it is in data/examples but for port, source and time to prove itself."""

    def __init__(self, site, language, name=None, start=True, groups=None):
        conf, self.main, self.version_line = EXAMPLES[language]
        self.site, self.name = site, name or language
        self.port = harness.free_port()
        self.top = site.path("src", self.name)
        if language == "node" and shutil.which("node", path=site.environment["PATH"]) is None:
            raise harness.NotRunHere("there is no node")
        shutil.copytree(os.path.join(harness.SOURCE, "data", "examples", "being-system", language), self.top)
        with open(os.path.join(harness.SOURCE, "data", "examples", conf), encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"Source=.*", f"Source={self.top}", text)
        text = re.sub(r":80\d\d", f":{self.port}", text)
        text = self.prepare(text) + key_file({"PostCheck": {"RollbackAfter": "50ms"}, **(groups or {})})
        site.service_file(self.name, text)
        with open(self.path(self.main), encoding="utf-8") as file:
            self.text = file.read()
        harness.check(self.version_line.format("1") in self.text, "the example has its version line")
        if start:
            self.begin()

    def prepare(self, text):
        """A place to change the source and the text of the service file before they are used; returns the text."""
        return text

    def version(self, version):
        """The text of the example in another version."""
        return self.text.replace(self.version_line.format("1"), self.version_line.format(version))

    def being(self):
        return json.loads(self.ask("/being"))


class BuiltExample(Example):
    """The example in C, built before the service is there, with its version in a file beside it: for many reloads that
    are not about building. The file is recorded, placed and read as any other."""

    READER = '''static char version[16];
__attribute__ ((constructor)) static void
read_version (void)
{
  FILE *file = fopen ("version.txt", "r");
  if (file == NULL || fscanf (file, "%15s", version) != 1)
    _exit (9);
  fclose (file);
}
'''

    def prepare(self, text):
        with open(self.path(self.main), encoding="utf-8") as file:
            code = file.read()
        code = "#include <stdio.h>\n" + code.replace(self.version_line.format("1"), self.READER).replace('VERSION "\\n"', "version")
        harness.check("VERSION" not in code.partition("*/")[2], "every use of the version is replaced")
        os.remove(self.path(self.main))
        self.main, self.version_line = "version.txt", "{}"
        harness.write(self.path(self.main), "1")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gio-unix-2.0"], check=True, capture_output=True,
                               text=True).stdout.split()
        subprocess.run(["cc", "-x", "c", "-", "-o", self.path("being-system"), *flags], check=True, input=code, text=True)
        return text.replace("Exec=build/being-system", "Exec=./being-system").partition("[Check]")[0]
