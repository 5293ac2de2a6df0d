# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plain HTTP server for the stress test: answers with the first word of version.txt as it was at the start.

A second word is the number of milliseconds after which it dies by SIGKILL; then it writes down whom it accepts before
it answers. With "state" as argument it counts the requests to /grow over reloads.
"""

import http.server
import json
import os
import signal
import socket
import sys
import threading

with open("version.txt", encoding="utf-8") as file:
    VERSION, *DIES = file.read().split()
PORT = int(sys.argv[1])
STATE = "state" in sys.argv[2:]
count = 0
lock = threading.Lock()
accepting = threading.Lock()


def die():
    # Not between an accept and its line in the log: nobody could account for that connection.
    with accepting:
        os.kill(os.getpid(), signal.SIGKILL)


if DIES:
    timer = threading.Timer(int(DIES[0]) / 1000, die)
    timer.daemon = True
    timer.start()
if STATE:
    with open(os.environ["HOTRELOAD_STATE_IN"], encoding="utf-8") as file:
        count = json.load(file).get("count", 0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global count
        body = VERSION.encode()
        if self.path == "/grow":
            with lock:
                count += 1
        elif self.path == "/count":
            body = str(count).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        with accepting:
            connection, address = super().get_request()
            if DIES:
                with open(os.environ["STRESS_ACCEPTS"], "a", encoding="utf-8") as log:
                    log.write(f"{address[1]}\n")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


if "LISTEN_FDS" in os.environ:
    server = Server(("127.0.0.1", PORT), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=3)
else:
    server = Server(("127.0.0.1", PORT), Handler)


def stop(*_):
    if STATE:
        with lock, open(os.environ["HOTRELOAD_STATE_OUT"], "w", encoding="utf-8") as file:
            json.dump({"count": count}, file)
    os._exit(0)


if STATE:
    signal.signal(signal.SIGTERM, stop)
server.serve_forever()
