# SPDX-License-Identifier: LGPL-2.1-or-later
"""being-system: an HTTP service whose state survives a reload.

GET /being shows the state, POST or GET /grow increases it, GET /version answers with VERSION.

A connection that was accepted is answered, also when the service is told to stop meanwhile; one that was not is left
to the next instance, which holds the same listening socket. The state is read before the first connection is accepted
and written after the last one was answered, so that nothing that was answered is missing from it.
"""

import contextlib
import json
import os
import select
import selectors
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler

VERSION = "1"

# Seconds a client may be silent; the second when it has asked for nothing yet and the service is told to stop.
IDLE_TIMEOUT = 5.0
STOP_IDLE_TIMEOUT = 1.0
# Seconds to wait for the client's end of a connection after the answer.
LINGER_TIMEOUT = 2.0
# Seconds to finish in when told to stop: less than StopTimeout, so that the state is written whatever clients do.
FINISH_TIMEOUT = 8.0
CONNECTIONS_MAX = 256
BODY_MAX = 64 * 1024


class Being:
    """The state. Every number is changed under the lock."""

    FIRST = {"currentLevel": 1, "energy": 100, "insights": 0, "transformations": 0}

    def __init__(self):
        self.lock = threading.Lock()
        self.values = dict(self.FIRST)

    def read(self, path):
        """Takes over the state of the instance before; opening the file waits until that one has written it."""
        if not path:
            return
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        for name in self.FIRST:
            if isinstance(found.get(name), int):
                self.values[name] = found[name]

    def write(self, path):
        """The last act: keeps the lock, so that nobody is answered with what is not in the file."""
        self.lock.acquire()
        if not path:
            return
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            json.dump(self.values, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path + ".tmp", path)

    def to_json(self):
        with self.lock:
            return json.dumps(self.values)

    def grow(self):
        with self.lock:
            self.values["currentLevel"] += 1
            self.values["energy"] += 5
            self.values["insights"] += 2
            self.values["transformations"] += 1
            return json.dumps(self.values)


class Handler(BaseHTTPRequestHandler):
    """One request: every answer closes its connection."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, text, content_type="application/json"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def read_body(self):
        """Whether the request's body was read: growing before it is there would count a request that never came."""
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= BODY_MAX or "Transfer-Encoding" in self.headers:
            self.answer(413, '{"error": "the body is too large or has no length"}')
            return False
        return len(self.rfile.read(length)) == length

    def handle_request(self):
        if not self.read_body():
            self.close_connection = True
        elif self.path == "/being" and self.command in ("GET", "HEAD"):
            self.answer(200, self.server.being.to_json())
        elif self.path == "/grow" and self.command in ("GET", "POST"):
            self.answer(200, self.server.being.grow())
        elif self.path == "/version" and self.command in ("GET", "HEAD"):
            self.answer(200, VERSION + "\n", "text/plain")
        else:
            self.answer(404, '{"error": "not found"}')

    do_GET = do_HEAD = do_POST = handle_request

    def log_message(self, *args):
        pass


class Server:
    def __init__(self, being):
        self.being = being
        self.changed = threading.Condition()
        self.connections = 0
        # Readable for everybody once the other end is closed.
        self.finishing_fd, self.finish_fd = os.pipe()
        self.listener, self.must_listen = self.take_listener()
        # Without waiting: when another instance takes the connection first, accept() must not block.
        self.listener.setblocking(False)

    @staticmethod
    def take_listener():
        """The listener that was passed, or one of our own that is bound but does not listen yet."""
        if os.environ.get("LISTEN_PID") == str(os.getpid()) and int(os.environ.get("LISTEN_FDS", "0")) > 0:
            os.set_inheritable(3, False)
            return socket.socket(fileno=3), False
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(os.environ.get("PORT") or "8080")))
        return listener, True

    def serve_until(self, stop_fd):
        if self.must_listen:
            self.listener.listen(1024)
        selector = selectors.DefaultSelector()
        selector.register(self.listener, selectors.EVENT_READ)
        selector.register(stop_fd, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if stop_fd in ready:
                return
            if self.listener in ready:
                self.accept()

    def accept(self):
        with self.changed:
            # Beyond the limit connections wait in the queue, where another instance can take them.
            if self.connections >= CONNECTIONS_MAX:
                self.changed.wait(0.05)
                return
        try:
            connection, address = self.listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        connection.settimeout(IDLE_TIMEOUT)
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.changed:
            self.connections += 1
        threading.Thread(target=self.serve, args=(connection, address), daemon=True).start()

    def serve(self, connection, address):
        try:
            if self.wait_for_request(connection):
                Handler(connection, address, self)
                self.linger(connection)
        except OSError:
            pass
        finally:
            with self.changed:
                self.connections -= 1
                self.changed.notify_all()
            connection.close()

    def wait_for_request(self, connection):
        """Whether the client asks for something: many open a connection long before they use it, if ever."""
        ready = select.select([connection, self.finishing_fd], [], [], IDLE_TIMEOUT)[0]
        if connection not in ready and ready:
            ready = select.select([connection], [], [], STOP_IDLE_TIMEOUT)[0]
        return connection in ready

    @staticmethod
    def linger(connection):
        """Reads to the client's end: closing with something unread would reset the connection and lose the answer."""
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(LINGER_TIMEOUT)
        while connection.recv(65536):
            pass

    def finish(self):
        """Takes no more connections and waits until those that were taken are answered."""
        self.listener.close()
        os.close(self.finish_fd)
        with self.changed:
            self.changed.wait_for(lambda: not self.connections, FINISH_TIMEOUT)


def notify(message):
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        # Nobody may be listening any more: that must not keep us from stopping as we should.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client, contextlib.suppress(OSError):
            client.sendto(message, "\0" + path[1:] if path[0] == "@" else path)


def main():
    being = Being()
    server = Server(being)
    # Until here SIGTERM ends us at once, also while we wait for the state.
    being.read(os.environ.get("HOTRELOAD_STATE_IN"))
    stop_fd, wake_fd = os.pipe()
    os.set_blocking(wake_fd, False)
    signal.set_wakeup_fd(wake_fd)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    notify(b"READY=1")
    server.serve_until(stop_fd)
    notify(b"STOPPING=1")
    server.finish()
    being.write(os.environ.get("HOTRELOAD_STATE_OUT"))


if __name__ == "__main__":
    main()
