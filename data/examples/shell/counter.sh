#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# counter: a worker without sockets. It writes a rising number to a file, and goes on where the instance before it
# ended, also when that ran another version.
#
# COUNT_FILE is the file, INTERVAL the seconds between two numbers.

VERSION=1

: "${COUNT_FILE:=count.txt}" "${INTERVAL:=1}"

# Opening the file waits until the instance before has ended and its state is in there. Until then SIGTERM ends us.
state=
if [ -n "${HOTRELOAD_STATE_IN-}" ]; then
    state=$(cat "$HOTRELOAD_STATE_IN") || exit 1
fi
count=$(printf '%s\n' "$state" | sed -n 's/.*"count"[[:space:]]*:[[:space:]]*\([0-9][0-9]*\).*/\1/p')
count=${count:-0}

pause=
stop=
trap 'stop=yes; [ -z "$pause" ] || kill "$pause" 2>/dev/null' TERM INT

echo "version $VERSION begins at $count"
while [ -z "$stop" ]; do
    count=$((count + 1))
    # By rename, so that a reader never sees half a line.
    printf '%s %s\n' "$VERSION" "$count" > "$COUNT_FILE.tmp" && mv "$COUNT_FILE.tmp" "$COUNT_FILE"
    sleep "$INTERVAL" &
    pause=$!
    # A signal during the sleep ends the wait; one before it is seen here.
    [ -n "$stop" ] || wait "$pause"
done
kill "$pause" 2>/dev/null

echo "version $VERSION ends at $count"
if [ -n "${HOTRELOAD_STATE_OUT-}" ]; then
    printf '{"count": %s}\n' "$count" > "$HOTRELOAD_STATE_OUT.tmp" && mv "$HOTRELOAD_STATE_OUT.tmp" "$HOTRELOAD_STATE_OUT"
fi
