#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# `make demo`: a service that goes on while its code changes, shown with the commands that a user would type and what
# they really print. Every step is checked, and the first one that did not do what it says ends the demo with 1.
#
# Everything happens in a temporary directory, with a bus and a daemon of its own, and is gone at the end. The build is
# taken from ./build, or from HOTRELOAD_BUILD.
set -euo pipefail
cd "$(dirname "$0")/.."

source=$PWD
build=$(realpath "${HOTRELOAD_BUILD:-build}")
# What is waited for must have happened after so many seconds.
deadline=30
program=being-system/being_system.py
root=$(mktemp -d "${TMPDIR:-/tmp}/hotreload-demo.XXXXXX")
daemon=
bus=
load=

# Ends what this script started, in order, and removes the directory.
clean_up() {
  local status=$?
  trap - EXIT
  for pid in $load $daemon $bus; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  chmod -R u+rwX "$root" 2>/dev/null || true
  rm -rf "$root"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bold='' plain=''
if [ -t 1 ]; then
  bold=$'\e[1m' plain=$'\e[0m'
fi

step() {
  printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# Ends the demo: the step did not do what it says.
fail() {
  printf '\nThe demo failed: %s\n' "$*" >&2
  for file in "$root"/*.log "$root"/state/hotreload/logs/*.log; do
    if [ ! -s "$file" ] || [ -L "$file" ]; then
      continue
    fi
    printf -- '--- the end of %s\n' "${file##*/}" >&2
    tail -n 20 "$file" >&2
  done
  exit 1
}

# Shows a command, runs it, shows what it prints, and keeps that in $output and its exit code in $code.
try() {
  printf '$ %s\n' "$1"
  code=0
  output=$(eval "$1" 2>&1) || code=$?
  [ -z "$output" ] || printf '%s\n' "$output"
}

# The same for a command that must succeed.
run() {
  try "$1"
  [ "$code" -eq 0 ] || fail "'$1' exited with $code"
}

# The value must be this one.
is() {
  [ "$1" = "$2" ] || fail "$3 is '$1', not '$2'"
}

is_not() {
  [ "$1" != "$2" ] || fail "$3 is still '$1'"
}

# The last output must contain this text.
says() {
  case $output in
    *"$1"*) ;;
    *) fail "expected '$1' there" ;;
  esac
}

# One value out of a JSON document on standard input: the argument is a Python expression over 'it'.
value() {
  python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# One value of the service's line in `hrctl status`.
status() {
  hrctl --json status being-system | value "it['services'][0]['$1']"
}

# Where a service answers.
address() {
  hrctl --json status "$1" | value "'http://' + it['services'][0]['listen'][0].partition(':')[2]"
}

# Edits the program. By renaming, and with the temporary file elsewhere, so that what is saved is one change.
edit() {
  run "sed $1 $program > new.py && mv new.py $program"
}

# What became of a release.
fate() {
  hrctl --json releases being-system | value "[release['fate'] for release in it if release['number'] == $1][0]"
}

# One value of the newest entry in `hrctl history`.
latest() {
  hrctl --json history being-system -n 1 | value "it[0]['$1'] if it else None"
}

# Waits until a command prints this; looks again and again, and not for ever.
wait_until() {
  local end=$((SECONDS + deadline)) wanted=$1
  shift
  until [ "$("$@" 2>/dev/null)" = "$wanted" ]; do
    kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended"
    [ "$SECONDS" -lt "$end" ] || fail "'$*' did not become '$wanted' but '$("$@" 2>&1)'"
    sleep 0.05
  done
}

# How many times the service was reloaded, failed or rolled back.
count() {
  hrctl --json history being-system -n 100 | value 'len(it)'
}

# Requests for a page over a new connection each, one after the other, until told to stop; counts them and those that
# failed.
ask_again_and_again() {
  local asked=0 failed=0 stop=
  trap 'stop=yes' TERM
  while [ -z "$stop" ]; do
    curl --silent --fail --max-time 10 "$1" >/dev/null || failed=$((failed + 1))
    asked=$((asked + 1))
    echo "$asked $failed" >"$root/asked"
  done
}

# Ends them; none may have failed.
stop_asking() {
  local asked failed
  kill "$load"
  wait "$load"
  load=
  read -r asked failed <"$root/asked"
  echo "Meanwhile: $asked requests over connections of their own, $failed of them failed."
  is "$failed" 0 'the number of failed requests'
  is_not "$asked" 0 'the number of requests'
}

# An environment of its own: nothing of the user's session is used or changed.
start_bus_and_daemon() {
  mkdir -p "$root"/{bin,home,run,config,state}
  chmod 700 "$root/run"
  ln -s "$build/daemon/hotreloadd" "$build/client/hrctl/hrctl" "$root/bin"
  for name in $(compgen -e); do
    case $name in HOTRELOAD_* | XDG_* | DBUS_* | NOTIFY_SOCKET | LISTEN_*) unset "$name" ;; esac
  done
  export PATH="$root/bin:/usr/local/bin:/usr/bin:/bin" HOME="$root/home" LANG=C.UTF-8 LC_ALL=C.UTF-8
  export XDG_RUNTIME_DIR="$root/run" XDG_CONFIG_HOME="$root/config" XDG_STATE_HOME="$root/state"
  # Where an installed daemon finds its helpers without being told.
  export HOTRELOAD_LIBEXECDIR="$build/daemon/exec"
  export DBUS_SESSION_BUS_ADDRESS="unix:path=$root/bus"

  # Not the machine's session.conf: it starts what is installed there.
  cat >"$root/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>$DBUS_SESSION_BUS_ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
END
  mkfifo "$root/bus.ready"
  dbus-daemon --config-file="$root/bus.conf" --nofork --nopidfile --print-address >"$root/bus.ready" 2>"$root/bus.log" &
  bus=$!
  read -r -t "$deadline" _ <"$root/bus.ready" || fail "the bus did not start"

  echo '$ hotreloadd --session &'
  hotreloadd --session >"$root/daemon.log" 2>&1 &
  daemon=$!
  gdbus wait --session --timeout "$deadline" org.hotreload.Manager || fail "the daemon did not start"
}

# The example as a user would have it in a directory of their own. Port 0 picks a free one.
take_example() {
  mkdir "$root/work"
  cp -r "$source/data/examples/being-system/python" "$root/work/being-system"
  grep -v '^#' "$source/data/examples/being-system.conf" |
    sed -e 's|^Source=.*|Source=being-system|' -e 's|:8080$|:0|' >"$root/work/being-system.conf"
  cd "$root/work"
}

first_start() {
  step '1. A service: one file says what to run'
  take_example
  run 'cat being-system.conf'
  run 'hrctl add being-system.conf'
  wait_until running status state
  run 'hrctl list'
  says 'running'
  url=$(address being-system)
  run "curl -s $url/version"
  says '1'
  for _ in 1 2 3; do
    run "curl -s $url/grow"
  done
  says '"currentLevel": 4'
}

good_save() {
  local before pid
  step '2. A good save goes live, the state goes along, and no request fails'
  before=$(count) pid=$(status pid)
  ask_again_and_again "$url/version" &
  load=$!
  edit "'s/^VERSION = .*/VERSION = \"2\"/'"
  wait_until $((before + 1)) count
  run "curl -s $url/version"
  says '2'
  run "curl -s $url/being"
  says '"currentLevel": 4'
  run 'hrctl history being-system -n 1'
  says 'live'
  is "$(latest success)" True 'success'
  is "$(latest trigger)" file 'the trigger'
  is_not "$(status pid)" "$pid" 'the PID'
  stop_asking
  # RollbackAfter: so long a new release is watched.
  wait_until good fate 2
  run 'hrctl releases being-system'
  # By hand a reload always happens: a new process of the same release.
  run 'hrctl reload being-system'
  says "release 2 of 'being-system' is live"
  says 'Phases: '
}

syntax_error() {
  local before pid
  step '3. A syntax error is rejected, and the old version serves on'
  before=$(count) pid=$(status pid)
  edit "'s/^VERSION = .*/VERSION = \"3/'"
  wait_until $((before + 1)) count
  is "$(latest success)" False 'success'
  is "$(latest phase)" check 'the phase'
  run 'hrctl history being-system -n 1'
  says 'failed in check'
  try 'hrctl reload being-system'
  is "$code" 1 'the exit code'
  says 'SyntaxError'
  run "curl -s $url/version"
  says '2'
  is "$(status pid)" "$pid" 'the PID'
}

crash() {
  step '4. A version that crashes half a second after it was ready is rolled back, with its state'
  run "curl -s $url/grow"
  says '"currentLevel": 5'
  edit "'s/^VERSION = .*/VERSION = \"3\"/; s/^    notify(b.READY.*/&; threading.Timer(0.5, os._exit, [1]).start()/'"
  wait_until rollback latest trigger
  wait_until running status state
  run 'hrctl history being-system -n 2'
  is "$(latest success)" True 'success'
  is "$(latest release)" 2 'the release'
  run "curl -s $url/version"
  says '2'
  run "curl -s $url/being"
  says '"currentLevel": 5'
}

what_runs() {
  step '5. What runs, what ran, and how the source differs from it'
  run 'hrctl status'
  run 'hrctl status being-system'
  says 'running'
  run 'hrctl releases being-system'
  says 'rejected'
  run 'hrctl history'
  run 'hrctl diff being-system'
  says '-VERSION = "2"'
  says '+VERSION = "3"'
  says '; threading.Timer(0.5, os._exit, [1]).start()'
}

over_dbus() {
  local before pid
  step '6. Mended, and then reloaded over D-Bus'
  before=$(count)
  edit "'s/; threading.Timer.*//'"
  wait_until $((before + 1)) count
  run "curl -s $url/version"
  says '3'
  before=$(count) pid=$(status pid)
  run 'dbus-send --session --print-reply --dest=org.hotreload.Manager /org/hotreload/Manager org.hotreload.Manager.Reload string:being-system'
  says '/org/hotreload/job/'
  wait_until $((before + 1)) count
  is "$(latest success)" True 'success'
  is_not "$(status pid)" "$pid" 'the PID'
  run 'hrctl history being-system -n 1'
  run "curl -s $url/being"
  says '"currentLevel": 5'
}

canary() {
  local shop
  step '7. A server that knows nothing of hotreload: probed before it serves, then given a share of the connections, then all'
  mkdir shop
  echo 1 >shop/index.html
  cat >shop.conf <<'END'
[Service]
Exec=python3 -m http.server --bind 127.0.0.1 %p
Source=shop
Listen=http=tcp:127.0.0.1:0

[Watch]
Enabled=no

[Health]
Probe=http://127.0.0.1:%p/
Interval=200ms

[Canary]
Percentage=10
RampDuration=3s
Steps=3
END
  run 'cat shop.conf'
  run 'hrctl add shop.conf'
  shop=$(address shop)
  ask_again_and_again "$shop/" &
  load=$!
  run 'echo 2 > shop/index.html'
  run 'hrctl plan shop'
  says 'give it 10% of the new connections'
  run 'hrctl reload shop'
  says "release 2 of 'shop' is live"
  says 'Canary: passed at 100%'
  says 'Downtime: 0 ms'
  says 'Go back: hrctl rollback shop (to release 1)'
  run "curl -s $shop/"
  is "$output" 2 'the answer'
  run 'hrctl rollback shop'
  says "release 1 of 'shop' is live"
  run "curl -s $shop/"
  is "$output" 1 'the answer'
  stop_asking
}

the_end() {
  local pid
  step '8. The end: the daemon stops what it runs'
  pid=$(status pid)
  kill -0 "$pid"
  echo "$ kill $daemon"
  kill "$daemon"
  wait "$daemon" || fail "the daemon exited with $?"
  daemon=
  ! kill -0 "$pid" 2>/dev/null || fail 'the service was left behind'
}

step 'A bus and a daemon of their own'
start_bus_and_daemon
first_start
good_save
syntax_error
crash
what_runs
over_dbus
canary
the_end
step "All steps did what they say, in $SECONDS s."
