#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The manual pages use only macros that there are: roff leaves out the whole line of another one, without a word.
set -eu

cd "$1"
known='B|BI|BR|I|IB|IR|RB|RI|SB|SM|TH|SH|SS|TP|TQ|IP|P|PP|RS|RE|br|fi|nf|sp|\\"'
wrong=$(grep -nE '^\.' data/man/*.[1-8] | grep -vE "^[^:]+:[0-9]+:\.($known)( |\$)" || true)
[ -z "$wrong" ] || { echo "no such macro:"; echo "$wrong"; exit 1; }
