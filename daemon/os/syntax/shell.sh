# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Run as: sh -c THIS SHELL FILE…, SHELL being what reads the files; runs none of them. Records as in javascript.js.
for file; do
  words=$("$0" -n "$file" 2>&1 </dev/null) || printf 'F%s\0%s\0' "$file" "$words"
done
