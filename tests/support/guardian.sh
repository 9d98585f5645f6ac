#!/bin/sh
# Cleans up after one test server, however its test ended: waits until standard input closes, then kills every process that works
# in DIR/data and removes DIR.
#   guardian.sh DIR
dir=$1
cat >/dev/null
segment=$(sed -n '7s/^ *[0-9]* *\([0-9]*\) *$/\1/p' "$dir/data/postmaster.pid" 2>/dev/null)
while
  pids=$(find /proc -maxdepth 2 -name cwd -lname "$dir/data" 2>/dev/null | sed -n 's,^/proc/\([0-9]*\)/cwd$,\1,p')
  [ -n "$pids" ]
do
  # shellcheck disable=SC2086  # a list
  kill -KILL $pids 2>/dev/null
  sleep 0.02
done
rm -rf "$dir"
# A killed postmaster leaves its small System V segment behind.
[ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
exit 0
