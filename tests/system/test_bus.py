#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon on the bus, by programs that are not ours: dbus-send, dbus-monitor and gdbus."""

import json
import os
import subprocess
import sys
import threading

from harness import DEADLINE, Gate, Site, check, equal, main, test, until, write
from services import Example, Service, app, at_gate, key_file


class Log:
    """Everything that dbus-monitor prints about a match, as text."""

    def __init__(self, site, match):
        self.lines = []
        self.process = subprocess.Popen(["dbus-monitor", "--address", site.environment["DBUS_SESSION_BUS_ADDRESS"],
                                         match], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        site.processes.append(self.process)
        began = threading.Event()
        threading.Thread(target=self.read, args=(began,), daemon=True).start()
        check(began.wait(DEADLINE), "dbus-monitor began")

    def read(self, began):
        for line in self.process.stdout:
            self.lines.append(line)
            began.set()

    def wait(self, *words):
        """Waits for a message with all these words."""
        def messages():
            text = "".join(self.lines)
            return [message for message in text.split("\nsignal ") if all(word in message for word in words)]
        return until(messages, f"a signal with {words}")[0]


@test("the-line-of-the-contract-works-literally")
def literal():
    with Site() as site:
        service = Example(site, "python", name="being-system")
        pid = service.pid
        mark = site.signals.mark()
        result = subprocess.run("dbus-send --session --print-reply --dest=org.hotreload.Manager /org/hotreload/Manager "
                                "org.hotreload.Manager.Reload string:being-system", shell=True, env=site.environment,
                                capture_output=True, text=True, check=False, timeout=DEADLINE)
        equal(result.returncode, 0, result.stderr)
        check('object path "/org/hotreload/job/' in result.stdout, "it answers with a job:", result.stdout)
        service.completed(mark, 1)
        check(service.pid != pid, "a new process")
        path = "/org/hotreload/service/being_2dsystem"
        equal(site.property("Name", path, "org.hotreload.Service"), "being-system", "name of the service's object")
        equal(site.property("Pid", path, "org.hotreload.Service"), service.pid, "PID of the service's object")


@test("the-name-is-owned-only-when-every-service-is-loaded")
def name_after_loading():
    with Site(daemon=False) as site:
        for number in range(40):
            site.service_file(f"n{number}", key_file({"Service": {"Exec": "sleep 600", "Ready": "delay:1ms"}}))
        site.service_file("bad", "[Service]\nNonsense=1\n")
        site.start_daemon(expect_ready=False)

        def owned():
            result = subprocess.run(["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                                     "org.freedesktop.DBus.NameHasOwner", "string:org.hotreload.Manager"], text=True,
                                    capture_output=True, check=False, env=site.environment)
            return "boolean true" in result.stdout
        until(owned, "the name is owned")
        services = {service["name"]: service["state"] for service in site.status()["services"]}
        equal(len(services), 41, "services at the first call")
        equal(services["bad"], "invalid", "state of the one that does not load")
        check("Nonsense" in site.service("bad")["error"], "status says why:", site.service("bad")["error"])


@test("the-object-manager-shows-manager-services-and-jobs-as-they-come-and-go")
def object_manager():
    with Site() as site:
        log = Log(site, "type='signal',interface='org.freedesktop.DBus.ObjectManager'")
        gate = Gate(site)
        service = Service(site, "shown")
        log.wait("InterfacesAdded", "/org/hotreload/service/shown", "org.hotreload.Service")
        mark = service.save(app("2", early=at_gate(gate)))
        gate.arrived()
        job = site.signals.wait("ReloadStarted", "shown", mark)["args"][1]
        log.wait("InterfacesAdded", job, "org.hotreload.Job")
        objects = site.call("GetManagedObjects", path="/org/hotreload", interface="org.freedesktop.DBus.ObjectManager")[0]
        check({"/org/hotreload/Manager", "/org/hotreload/service/shown", job} <= set(objects), "objects:", set(objects))
        properties = objects[job]["org.hotreload.Job"]
        equal((properties["Service"], properties["Kind"], properties["Phase"], properties["Result"]),
              ("shown", "reload", "ready", "running"), "the running job")
        gate.release()
        service.completed(mark, 2)
        equal((site.job_ended(job), site.job_property(job, "Error")), ("completed", ""), "a finished job can be read")
        equal(site.job_property(job, "Details")["release"], 2, "its details")
        site.call("RemoveService", "string:shown")
        log.wait("InterfacesRemoved", "/org/hotreload/service/shown")


@test("properties-say-when-they-change")
def properties_change():
    with Site() as site:
        service = Service(site, "props")
        log = Log(site, "type='signal',interface='org.freedesktop.DBus.Properties'")
        service.completed(service.save(app("2")), 2)
        equal(site.service_property("props", "Release"), 2, "release")
        log.wait("path=/org/hotreload/service/props", '"Pid"', f"uint32 {service.pid}")
        log.wait("path=/org/hotreload/service/props", '"Release"', "uint64 2")
        log.wait("path=/org/hotreload/service/props", '"State"', "reloading")
        log.wait("path=/org/hotreload/Manager", '"ReloadCount"', "uint32 1")
        log.wait("path=/org/hotreload/job/", '"Phase"')
        log.wait("path=/org/hotreload/job/", '"Result"', "completed")
        site.call("Pause", "string:props")
        log.wait("path=/org/hotreload/service/props", '"Paused"', "boolean true")
        service.save(app("3"))
        log.wait("path=/org/hotreload/Manager", '"Pending"', "props/app.py")
        site.call("Pause", "string:")
        log.wait("path=/org/hotreload/Manager", '"Paused"', "boolean true")
        count = site.property("ReloadCount")
        equal((site.property("Paused"), count, site.property("FailedReloads")), (True, 1, 0), "figures")


@test("the-methods-of-a-service-object-act-on-that-service")
def service_object():
    with Site() as site:
        service = Service(site, "direct", {"app.py": app(keep=True)})
        other = Service(site, "other")
        pid, other_pid = service.pid, other.pid

        def call(method, *arguments):
            return site.call(method, *arguments, path="/org/hotreload/service/direct",
                             interface="org.hotreload.Service")
        equal(site.job_ended(call("Reload")[0]), "completed", "Reload")
        check(service.pid != pid, "a new process")
        service.good(1)
        service.completed(service.save(app("2")), 2)
        equal(site.job_ended(call("Rollback", "uint64:1")[0]), "completed", "Rollback")
        equal(service.shown["release"], 1, "release")
        equal([release["number"] for release in call("ListReleases")[0]], [1, 2], "ListReleases")
        equal(call("GetHistory", "uint32:1")[0][0]["trigger"], "rollback", "GetHistory")
        check("VERSION" in call("Diff", "uint64:1", "uint64:2")[0], "Diff")
        check(call("Plan")[0], "Plan")
        equal(site.job_ended(call("Stop")[0]), "completed", "Stop")
        equal(service.shown["state"], "stopped", "state")
        equal(site.job_ended(call("Start")[0]), "completed", "Start")
        equal(other.pid, other_pid, "PID of the other")


@test("a-service-can-be-added-and-removed-by-its-text")
def add_service():
    with Site() as site:
        text = key_file({"Service": {"Exec": "sleep 600", "Ready": "delay:10ms"}})
        mark = site.signals.mark()
        site.call("AddService", "string:added", f"string:{text}")
        site.wait_state("added", "running", mark)
        result = site.dbus_send("AddService", "string:wrong", "string:[Service]\nExce=x\n")
        check("InvalidConfiguration" in result.stderr and "Exce" in result.stderr, "a wrong key is named:", result.stderr)
        result = site.dbus_send("AddService", "string:../x", f"string:{text}")
        check(result.returncode != 0, "a wrong name is refused")
        site.call("RemoveService", "string:added")
        check("NoSuchService" in site.dbus_send("RemoveService", "string:added").stderr, "it is gone")
        until(lambda: not site.left_over(), "and its process with it")


@test("reading-the-configuration-again-answers-for-every-file")
def reload_configuration():
    with Site() as site:
        def file(name, **more):
            return site.service_file(name, key_file({"Service": {"Exec": "sleep 600", "Ready": "delay:10ms", **more}}))
        file("old")
        file("same")
        equal(site.hrctl("daemon-reload").returncode, 0, "both are right")
        # What was printed has happened: nothing is waited for here.
        equal({name: site.service(name)["state"] for name in ("old", "same")}, {"old": "running", "same": "running"},
              "states")
        os.unlink(file("old"))
        file("same", Description="other")
        file("new")
        file("fails", Exec="false", Ready="delay:5s", Restart="no")
        site.service_file("bad", "[Service]\nExce=sleep 600\n")
        result = site.hrctl("daemon-reload", "--json")
        equal(result.returncode, 1, result.stderr)
        shown = json.loads(result.stdout)
        equal((shown["success"], sorted(shown["added"]), shown["changed"], shown["removed"]),
              (False, ["bad", "fails", "new"], ["same"], ["old"]), "what was done")
        check("bad.conf" in shown["error"] and "Exce" in shown["error"] and "others were applied" in shown["error"],
              shown["error"])
        equal({job["service"]: job["success"] for job in shown["jobs"]},
              {"old": True, "new": True, "fails": False, "same": True}, "jobs")
        equal(site.service("new")["state"], "running", "state of what is right")
        error = site.dbus_send("ReloadConfiguration").stderr
        check("InvalidConfiguration" in error and "bad.conf" in error, error)


@test("adding-a-service-waits-for-its-start")
def add_waits():
    with Site() as site:
        text = {"Service": {"Exec": "sleep 600", "Ready": "delay:300ms"}}
        result = site.hrctl("add", write(site.path("good.conf"), key_file(text)))
        equal((result.returncode, site.service("good")["state"]), (0, "running"), result.stderr)
        text["Service"].update(Exec="false", Restart="no")
        result = site.hrctl("add", write(site.path("bad.conf"), key_file(text)))
        equal(result.returncode, 1, result.stdout)
        check("bad: added" in result.stdout and "'bad'" in result.stderr, result.stdout, result.stderr)


if __name__ == "__main__":
    sys.exit(main())
