#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How an old instance finishes: requests with bodies on connections that are kept, and what waits for one that hangs."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

from harness import DEADLINE, NotRunHere, Site, check, equal, is_alive, main, test, until
from services import EVENTS, EventStream, Unmodified

# Unmodified, as in UNMODIFIED: what is posted to them they note, and after a while they answer with its length.
POSTED = {
    "python": ("/usr/bin/python3", "app.py", '''import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def read_body(self):
        if self.headers["Transfer-Encoding"] is None:
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body
    def do_GET(self):
        self.answer("VERSION")
    def do_POST(self):
        body = self.read_body()
        with open("WORK", "ab") as file:
            file.write(body.split()[0] + b"\\n")
        time.sleep(0.03)
        self.answer(f"{len(body)} VERSION")
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'''),
    "node": ("/usr/bin/node", "app.js", '''require("http").createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => {
    if (body) require("fs").appendFileSync("WORK", body.split(" ")[0] + "\\n");
    setTimeout(() => response.end(body ? `${body.length} VERSION` : "VERSION"), 30);
  });
}).listen(PORT, "127.0.0.1");
'''),
}


def serve(site, language, keys=""):
    program, file, text = POSTED.get(language) or GIVEN[language]
    if not os.path.exists(program):
        raise NotRunHere(f"there is no {language}")
    return Unmodified(site, (program, file, text.replace("WORK", site.path("work"))), keys)


class HalfSent:
    """A request on a kept connection of which only the first half was sent."""

    def __init__(self, port, chunked):
        self.chunked = chunked
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self.connection.request("GET", "/")
        equal(self.connection.getresponse().read(), b"1", "the answer before")
        self.connection.putrequest("POST", "/")
        self.connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "2000")))
        self.connection.endheaders(self.piece(b"half ".ljust(1000)))

    def piece(self, data):
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    def send_rest(self):
        """Returns the answer."""
        self.connection.send(self.piece(b"y" * 1000) + (b"0\r\n\r\n" if self.chunked else b""))
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


class Poster(threading.Thread):
    """A client that keeps its connection and posts one thing after the other. One that finds it closed before any byte of
    an answer asks again over another (RFC 9112, 9.3.1), as if nothing had been done yet."""

    def __init__(self, port, number):
        super().__init__()
        self.port, self.number, self.chunked = port, number, number % 2 == 1
        self.n_posted = 0
        self.stopping = threading.Event()
        self.answers, self.failures, self.n_connections = set(), [], 0
        self.connection, self.fresh = None, True

    def ask(self):
        if self.connection is None:
            self.connection, self.fresh = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE), True
            self.n_connections += 1
        body = f"{self.number}-{self.n_posted} ".encode().ljust(1000)
        headers = {} if self.chunked else {"Content-Length": "1000"}
        self.connection.request("POST", "/", iter((body[:500], body[500:])) if self.chunked else body, headers)
        answer = self.connection.getresponse()
        self.answers.add((answer.status, answer.read().decode()))
        self.n_posted += 1
        self.fresh = False

    def run(self):
        while not self.stopping.is_set():
            try:
                self.ask()
            except (OSError, http.client.HTTPException) as error:
                was_kept = not self.fresh
                self.connection = None
                if not was_kept or not isinstance(error, (http.client.RemoteDisconnected, BrokenPipeError)):
                    self.failures.append(repr(error))
                    return


@contextlib.contextmanager
def posting(port, n_clients):
    clients = [Poster(port, number) for number in range(n_clients)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join()


for language in POSTED:
    @test(f"promise-4-no-accepted-work-is-lost: a body that comes before and after the reload, {language}",
          alike=language != "python")
    def two_parts(language=language):
        with Site() as site:
            service = serve(site, language)
            requests = [HalfSent(service.port, chunked) for chunked in (False, True)]
            service.reload("2")
            equal([request.send_rest() for request in requests], [(200, "2000 1")] * 2, "the answers")
            for request in requests:
                request.connection.close()
            site.drained(service.name)

    @test(f"promise-4-no-accepted-work-is-lost: clients that post without a pause outlast DrainTimeout, {language}",
          alike=language != "python")
    def without_pause(language=language):
        with Site() as site:
            service = serve(site, language, "DrainTimeout=500ms\n")
            with posting(service.port, 8) as clients:
                for number in range(2, 5):
                    service.reload(str(number))
                    site.drained(service.name)
            equal([client.failures for client in clients], [[]] * 8, "failures")
            answers = set().union(*[client.answers for client in clients])
            equal(answers, {(200, f"1000 {number}") for number in range(1, 5)}, "the answers")
            with open(site.path("work")) as file:
                done = file.read().split()
            equal(sorted(done), sorted(f"{client.number}-{number}" for client in clients
                                       for number in range(client.n_posted)), "what was done, of what was answered")
            check(all(client.n_connections <= 4 for client in clients), "connections:",
                  [client.n_connections for client in clients])


# Keeps its connections, each asks without a pause or after a short one, and sends nothing again: Node's agent as it is.
AGENT = '''const http = require("http");
const count = { answered: 0, failures: [] };
let left = 20, stopping = false;
function ask(agent, pause) {
  const again = () => {
    if (!stopping) setTimeout(ask, pause * Math.random(), agent, pause);
    else if (--left === 0) console.log(JSON.stringify(count));
  };
  const failed = (error) => { count.failures.push(error.message); again(); };
  http.get({ port: process.argv[2], host: "127.0.0.1", agent }, (answer) => {
    answer.on("data", () => {}).on("error", failed).on("end", () => { count.answered++; again(); });
  }).on("error", failed);
}
for (const pause of [0, 50])
  for (let i = 0; i < 10; i++) ask(new http.Agent({ keepAlive: true, maxSockets: 1 }), pause);
process.stdin.on("end", () => { stopping = true; }).resume();
'''


# One process accepts, and gives each connection to another.
GIVEN = {
    "node-cluster": (*POSTED["node"][:2], '''const cluster = require("cluster");
if (cluster.isPrimary) cluster.fork(), cluster.fork();
else ''' + POSTED["node"][2]),
    "python-send_fds": (*POSTED["python"][:2], '''import os, socket
here, there = socket.socketpair()
if os.fork():
    there.close()
    server = socket.create_server(("127.0.0.1", PORT))
    while True:
        with server.accept()[0] as connection:
            socket.send_fds(here, [b"x"], [connection.fileno()])
here.close()
''' + POSTED["python"][2].replace("http.server.ThreadingHTTPServer((\"127.0.0.1\", PORT), Handler).serve_forever()", '''
class Server(http.server.ThreadingHTTPServer):
    def fileno(self):
        return there.fileno()
    def get_request(self):
        _, fds, _, _ = socket.recv_fds(there, 1, 1)
        if not fds:
            os._exit(0)
        connection = socket.socket(fileno=fds[0])
        return connection, connection.getpeername()
Server(("127.0.0.1", 0), Handler, bind_and_activate=False).serve_forever()
''')),
}


for language in [*POSTED, *GIVEN]:
    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: clients that never send again, {language}",
          alike=language != "python")
    def never_again(language=language):
        if not os.path.exists("/usr/bin/node"):
            raise NotRunHere("there is no node")
        with Site() as site:
            service = serve(site, language, "DrainTimeout=10min\n")
            client = subprocess.Popen(["/usr/bin/node", "-e", AGENT, "agent", str(service.port)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                for number in range(2, 7):
                    service.reload(str(number))
                    # Because nobody keeps a connection to it any more.
                    site.drained(service.name)
                count = json.loads(client.communicate(timeout=DEADLINE)[0])
            finally:
                client.kill()
                client.wait()
            equal(count["failures"], [], "failures")
            check(count["answered"] > 100, "answers:", count["answered"])


# Probed, so that a new one has sockets of its own.
APART = """Listen=http=tcp:127.0.0.1:PORT
DrainTimeout=600s
StopTimeout=300ms
[Health]
Probe=tcp:127.0.0.1:PORT
Interval=600s
"""


for language in POSTED:
    @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: who waits for an old one that hangs, {language}",
          alike=language != "python")
    def hangs(language=language):
        with Site() as site:
            service = serve(site, language, APART)
            pid = site.service(service.name)["pid"]
            os.kill(pid, signal.SIGSTOP)
            # They are in its queue, and nobody else accepts from that.
            began = time.monotonic()
            clients = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=DEADLINE) for _ in range(20)]
            for client in clients:
                client.request("GET", "/", headers={"Connection": "close"})
            until(lambda: time.monotonic() - began > 0.3, "they have waited")
            mark = service.save("2")
            event = site.signals.wait("ReloadCompleted|ReloadFailed", service.name, mark)
            equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
            equal([client.getresponse().read() for client in clients], [b"2"] * 20, "the answers")
            took = time.monotonic() - began
            check(is_alive(pid), "the old one has yet to end")
            # From before the reload until the new one was given the first of them.
            wait = site.history(service.name)[0]["queueWaitUsec"]
            equal(event["args"][4]["queueWaitUsec"], wait, "the longest wait, as told")
            check(0.3 < wait / 1e6 <= took, "the longest wait:", wait, took)
            # It has been out of its time for a while, and is ended with the next reload.
            service.reload("3")
            until(lambda: not is_alive(pid), "the old one has ended")


@test("pain-09-at-most-two-generations-run: drains that are cut short are counted, with their connections")
def counted():
    with Site() as site:
        service = Unmodified(site, EVENTS, "DrainTimeout=300ms\n")
        streams = [EventStream(service.port) for _ in range(2)]
        service.reload("2")
        for stream in streams:
            stream.ended()
        site.drained(service.name)

        def figures():
            return [site.service(service.name)[key] for key in ("drainsCut", "connectionsCut")]
        equal(figures(), [1, 2], "drains and connections, by DrainTimeout")
        # The next one ends while nothing is open.
        service.reload("3")
        site.drained(service.name)
        equal(figures(), [1, 2], "drains and connections, with one that was not cut short")
        text = site.hrctl("status", service.name).stdout
        check("Cut short: 1 drain, 2 open connections; " in text, "status:", text)
        # Between two events of a stream the kernel sees nothing under way.
        check(0 <= site.service(service.name)["connectionsCutBusy"] <= 2, "those that were busy")
        equal([entry["connectionsCut"] for entry in site.history(service.name)], [0, 0, 0], "history")


@test("pain-09-at-most-two-generations-run: a reload tells which connections it cut off")
def cut_by_next():
    with Site() as site:
        service = Unmodified(site, EVENTS, "DrainTimeout=600s\n")
        stream = EventStream(service.port)
        service.reload("2")
        mark = service.save("3")
        event = site.signals.wait("ReloadCompleted|ReloadFailed", service.name, mark)
        stream.ended()
        equal(event["args"][4]["connectionsCut"], 1, "connections, as told")
        equal([entry["connectionsCut"] for entry in site.history(service.name)], [1, 0, 0], "history")
        site.drained(service.name)
        equal(site.service(service.name)["drainsCut"], 1, "drains")


if __name__ == "__main__":
    sys.exit(main())
