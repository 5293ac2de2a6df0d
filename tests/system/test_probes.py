#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Probes of real services by a real daemon, each kind, and what follows from them."""

import os
import shutil
import ssl
import subprocess
import sys
import urllib.request

from harness import DEADLINE, Load, NotRunHere, Site, check, equal, main, test, until, write
from services import Service, app

# Reports to its watchdog as often as it is asked to, while there is no such file.
WATCHED = '''def report():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"WATCHDOG=1", os.environ["NOTIFY_SOCKET"])
def keep_reporting():
    while True:
        if not os.path.exists({silent!r}):
            report()
        time.sleep(int(os.environ["WATCHDOG_USEC"]) / 3e6)
assert int(os.environ["WATCHDOG_PID"]) == os.getpid()
import threading, time
threading.Thread(target=keep_reporting, daemon=True).start()
'''


@test("health-is-shown-with-what-the-last-probe-said")
def shown():
    with Site() as site:
        service = Service(site, "shown", {"app.py": app()},
                          {"Health": {"Probe": "http://127.0.0.1:%p/eval/" + b"open('health').read()".hex(),
                                      "Text": "well", "Interval": "100ms", "Failures": "2"}}, start=False)
        write(service.path("health"), "well")
        site.hrctl("daemon-reload")
        service.good(1)
        until(lambda: service.shown["health"] == "healthy", "it is healthy")
        pid = service.pid
        # In its slot: what it reads, not what the developer wrote.
        service.evaluate("open('health', 'w').write('ill')")
        until(lambda: service.shown["health"] == "offline", "it is offline")
        check("does not contain 'well'" in service.shown["error"], "why:", service.shown["error"])
        text = site.hrctl("status", "shown").stdout
        check("offline" in text and "does not contain 'well'" in text, "status:", text)
        equal(service.pid, pid, "PID: a probe that fails restarts nothing")
        service.evaluate("open('health', 'w').write('well')")
        until(lambda: service.shown["health"] == "healthy", "it is healthy again")
        equal(service.shown["error"], None, "error")


# How a bad version answers; the good one is asked over the same address all the while.
BAD_ANSWERS = (
    ("500", 'b"HTTP/1.1 500 No\\r\\nContent-Length: 0\\r\\n\\r\\n"', "it answered with status 500"),
    ("garbage", 'bytes(range(256)) * 40', ""),
    ("other-text", 'b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nill"', "does not contain 'VERSION'"),
    ("silence", None, "there was no answer within 1s"),
)


def answering(answer):
    """The small service, with an answer of its own for the probe."""
    late = "probe_answer = " + (answer or "None") + """
def serve(connection):
    connection.recv(4096)
    if probe_answer is None:
        connection.settimeout(5)
        connection.recv(1)
        return
    connection.sendall(probe_answer)
    connection.shutdown(socket.SHUT_WR)
"""
    return app("bad").replace("listener = socket.socket(fileno=3)", late + "listener = socket.socket(fileno=3)")


@test("promise-2-a-candidate-that-answers-badly-is-rejected-by-its-own-answers-and-the-old-one-serves-on")
def bad_answers():
    with Site() as site:
        text = app().replace('    return VERSION\n', '    return "VERSION" + VERSION\n')
        service = Service(site, "web", {"app.py": text},
                          {"Health": {"Probe": "http://127.0.0.1:%p/", "Text": "VERSION", "Status": "200",
                                      "Interval": "100ms", "Timeout": "1s", "Failures": "2"}})
        service.good(1)
        pid = service.pid
        load = Load(service.port)
        for number, (name, answer, words) in enumerate(BAD_ANSWERS, 2):
            mark = service.save(answering(answer))
            event = service.failed(mark, "verify")
            equal(event["args"][4]["errorName"], "org.hotreload.Error.NotHealthy", name)
            check(words in event["args"][3], name, "words:", event["args"][3])
            equal((service.pid, service.ask()), (pid, "VERSION1"), f"{name}: the old one serves")
            until(lambda: service.shown["health"] == "healthy", "the old one is well")
        mark = service.save(text.replace('VERSION = "1"', 'VERSION = "2"'))
        service.completed(mark)
        until(lambda: service.ask() == "VERSION2", "a good one is switched to")
        equal(load.stop(), [], "failures")
        equal(set(load.bodies), {"VERSION1", "VERSION2"}, "nobody but the probe had a bad answer")


@test("a-first-release-that-answers-badly-is-failed-with-the-evidence")
def first_is_bad():
    with Site() as site:
        bad = answering(BAD_ANSWERS[0][1]).replace("    connection.recv(4096)\n",
                                                   "    connection.recv(4096)\n    print('no database', flush=True)\n")
        service = Service(site, "first", {"app.py": bad},
                          {"Health": {"Probe": "http://127.0.0.1:%p/", "Interval": "100ms", "Failures": "2"}}, start=False)
        mark = site.signals.mark()
        result = site.hrctl("daemon-reload")
        equal(result.returncode, 1, "exit status")
        service.failed(mark, "verify")
        check("'first' is not running (phase verify)" in result.stderr and "(failed)" in result.stderr
              and "'hrctl logs --release=1 first' shows" in result.stderr, "what is told:", result.stderr)
        until(lambda: service.shown["state"] == "failed", "it is failed")
        shown = service.shown
        check("it answered with status 500\n" in shown["error"] and shown["error"].endswith("no database"),
              "the evidence:", shown["error"])
        equal((shown["pid"], shown["restarts"], shown["health"]), (None, 0, "offline"), "nothing runs")
        check("no database" in site.hrctl("status", "first").stdout, "people see it")
        # Mended, it starts by itself.
        mark = service.save(app())
        service.completed(mark)
        equal(service.shown["state"], "running", "state")


# Answers over TLS, with the status that STATUS says; tells on its output what it was asked.
HTTPS = '''import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked", "VERSION", self.path, flush=True)
        self.send_response(STATUS)
        self.send_header("Content-Length", str(len("VERSION")))
        self.end_headers()
        self.wfile.write(b"VERSION")
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("CERTIFICATE", "KEY")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
'''
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class Https(Service):
    """It has a certificate for localhost that it signed itself, and is probed over HTTPS."""

    def __init__(self, site, start):
        if shutil.which("openssl", path=site.environment["PATH"]) is None:
            raise NotRunHere("there is no openssl")
        self.certificate, self.key = site.path("certificate.pem"), site.path("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        self.key, "-out", self.certificate], check=True, capture_output=True, env=site.environment)
        super().__init__(site, "https", {"app.py": ""}, start=False, Exec="/usr/bin/python3 app.py",
                         groups={"Health": {"Probe": "https://localhost:%p/well", "Timeout": "10s", "Interval": "200ms",
                                            "Failures": "1"}})
        write(self.path("app.py"), self.version("1"))
        if start:
            self.begin()

    def version(self, version, status=200):
        text = HTTPS
        for word, value in (("VERSION", version), ("STATUS", str(status)), ("PORT", str(self.port)),
                            ("CERTIFICATE", self.certificate), ("KEY", self.key)):
            text = text.replace(word, value)
        return text

    def answer(self):
        context = ssl.create_default_context(cafile=self.certificate)
        with urllib.request.urlopen(f"https://localhost:{self.port}/", context=context, timeout=DEADLINE) as answer:
            return answer.read().decode()


# Owns a name on the bus, or waits for it while another does.
NAMED = """sys.path.insert(0, {here!r})
import bus_client
class Place:
    path = staticmethod(lambda name: os.environ["DBUS_SESSION_BUS_ADDRESS"].removeprefix("unix:path=").split(",")[0])
bus = bus_client.BusClient(Place)
bus.ask_bus("RequestName", {name!r}, 0)
"""


@test("promise-2-a-candidate-that-does-not-take-its-name-on-the-bus-is-rejected, and one that waits for it is not", alike=True)
def name_on_bus():
    with Site() as site:
        here, name = os.path.dirname(os.path.abspath(__file__)), "org.example.Shop"
        named = NAMED.format(here=here, name=name)
        service = Service(site, "named", {"app.py": app("1", late=named)},
                          {"Health": {"Probe": f"dbus:{name}", "Interval": "100ms", "Failures": "2", "Timeout": "2s"}},
                          Environment="DBUS_SESSION_BUS_ADDRESS=" + site.environment["DBUS_SESSION_BUS_ADDRESS"])
        service.good(1)
        until(lambda: service.shown["health"] == "healthy", "it is healthy")
        load = Load(service.port)
        # Two that have it both at once: the second one waits in the queue of the bus.
        service.completed(service.save(app("2", late=named)), 2)
        service.good(2)
        until(lambda: service.shown["health"] == "healthy", "it is healthy, alone")
        # Nobody's name, and another's.
        for version, late in (("3", ""), ("4", NAMED.format(here=here, name="org.example.Other"))):
            event = service.failed(service.save(app(version, late=late)), "verify")
            check(name in event["args"][3], "the reason names it:", event["args"][3])
            equal((service.ask(), service.shown["health"]), ("2", "healthy"), "the old one")
        equal(load.stop(), [], "failures")
        equal(set(load.bodies), {"1", "2"}, "answers, of which none are from what failed its probe")


@test("a-probe-over-HTTPS-does-not-believe-a-certificate-that-nobody-vouches-for")
def not_trusted():
    with Site() as site:
        service = Https(site, start=False)
        mark = site.signals.mark()
        equal(site.hrctl("daemon-reload", "--no-wait").returncode, 0, "daemon-reload")
        event = service.failed(mark, "verify")
        check("its certificate is not accepted: nobody whom this machine trusts" in event["args"][3], "the reason:",
              event["args"][3])
        equal(event["args"][4]["errorName"], "org.hotreload.Error.NotHealthy", "its name")
        check("asked 1 /well" not in site.hrctl("logs", "https").stdout, "it was asked nothing")


@test("a-probe-over-HTTPS-believes-a-certificate-that-the-machine-trusts-and-the-candidate-answers-for-itself", alike=True)
def trusted():
    with Site(daemon=False) as site:
        service = Https(site, start=False)
        # What the machine trusts is different for the daemon alone.
        wrapper = ["unshare", "--mount", "sh", "-c", f'mount --bind {service.certificate} {AUTHORITIES} && exec "$@"', "sh"]
        if subprocess.run([*wrapper, "true"], capture_output=True, env=site.environment, check=False).returncode != 0:
            raise NotRunHere("nothing can be mounted over what the machine trusts")
        site.start_daemon(wrapper=wrapper)
        site.wait_state("https", "running")
        service.good(1)
        until(lambda: service.shown["health"] == "healthy", "it is healthy")
        event = service.failed(service.save(service.version("2", 503)), "verify")
        check("it answered with status 503" in event["args"][3], "the reason:", event["args"][3])
        equal((service.answer(), service.shown["health"]), ("1", "healthy"), "the old one")
        service.completed(service.save(service.version("3")), 3)
        equal(service.answer(), "3", "the new one")
        check("asked 3 /well" in site.hrctl("logs", "https").stdout, "it was probed itself")
        # By a name that the certificate does not have it is not believed.
        service.groups["Health"]["Probe"] = "https://127.0.0.1:%p/well"
        service.write_file()
        mark = site.signals.mark()
        site.hrctl("daemon-reload", "--no-wait")
        event = service.failed(mark, "verify")
        check("its certificate is not accepted: it is for another host" in event["args"][3], "the reason:", event["args"][3])
        equal(service.answer(), "3", "what serves")


@test("a-program-that-does-not-report-to-its-watchdog-is-started-again")
def watchdog():
    with Site() as site:
        silent = site.path("silent")
        service = Service(site, "watched", {"app.py": app(early=WATCHED.format(silent=silent))},
                          {"Health": {"Probe": "watchdog", "Interval": "1s", "Failures": "1"}})
        service.good(1)
        until(lambda: service.shown["health"] == "healthy", "it is healthy")
        pid = service.pid
        write(silent, "")
        until(lambda: service.shown["restarts"] >= 1, "it is started again")
        os.unlink(silent)
        until(lambda: service.shown["health"] == "healthy" and service.pid not in (0, pid), "another one is healthy")
        check("did not report WATCHDOG=1 within 1s" in site.daemon_log(), "why:", site.daemon_log())
        # A candidate that never reports is none, and nobody is answered by it.
        load = Load(service.port)
        mark = service.save(app("2"))
        event = service.failed(mark, "verify")
        check("did not report WATCHDOG=1" in event["args"][3], "why:", event["args"][3])
        equal(service.ask(), "1", "the old one serves")
        equal((load.stop(), set(load.bodies)), ([], {"1"}), "failures and answers")


@test("of-several-instances-the-one-that-does-not-report-to-its-watchdog-is-started-again-and-no-other")
def watchdog_of_several():
    with Site() as site:
        silent = site.path("silent")
        text = app(early=WATCHED.format(silent=silent).replace(f"{silent!r}", f"{silent!r} + str(os.getpid())"))
        service = Service(site, "watched", {"app.py": text},
                          {"Health": {"Probe": "watchdog", "Interval": "1s", "Failures": "1"}}, Instances="3")
        service.good(1)
        until(lambda: len(service.shown["pids"]) == 3, "three serve")
        # The lead, and one of the others.
        for place in (0, 2):
            before = service.shown["pids"]
            write(silent + str(before[place]), "")
            until(lambda: len(pids := service.shown["pids"]) == 3 and before[place] not in pids, "another is there")
            equal(sorted(set(before) - {before[place]}), sorted(set(before) & set(service.shown["pids"])), "the others")
            equal(service.shown["ends"][0]["pid"], before[place], "PID of the last end")
        equal(service.shown["restarts"], 2, "restarts")


if __name__ == "__main__":
    sys.exit(main())
