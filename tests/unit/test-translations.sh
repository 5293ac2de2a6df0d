#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every message that hrctl marks for translation is translated in every language that the project has.
set -eu

root=$1
pot=$(mktemp)
trap 'rm -f "$pot"' EXIT
cd "$root"

grep -v '^#' po/POTFILES | xgettext --files-from=- --from-code=UTF-8 --keyword=_ --keyword=N_ -o - 2>/dev/null \
  | sed 's/charset=CHARSET/charset=UTF-8/' > "$pot"

for file in $(grep -rlE '\b(_|N_) \("' client); do
  grep -qx "$file" po/POTFILES || { echo "$file is not in po/POTFILES"; exit 1; }
done

for language in $(grep -v '^#' po/LINGUAS); do
  msgfmt --check-format -o /dev/null "po/$language.po"
  msgcmp "po/$language.po" "$pot"
done
