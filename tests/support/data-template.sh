#!/bin/sh
# The path of an initialized data directory to copy, made on first use.
#   tests/support/data-template.sh MAJOR UTF8|SQL_ASCII
# Owned by `postgres` where this runs as root. Any number of these may run at once.
set -eu
here=$(dirname "$0")
bin=$("$here/fetch-postgres.sh" "$1")
if [ "$(id -u)" = 0 ]; then
  cache=${PGTLS_CACHE:-/var/cache/pg_tls_exporter}
  as='setpriv --reuid=postgres --regid=postgres --init-groups --'
else
  cache=${PGTLS_CACHE:-$HOME/.cache/pg_tls_exporter}
  as=
fi
case $2 in
  UTF8) locale=C.UTF-8 ;;
  *) locale=C ;;
esac
mkdir -p "$cache"
chmod 755 "$cache"
version=$("$bin/postgres" --version | sed 's/.* \([0-9][0-9.]*\).*/\1/')
target=$cache/data-$version-$2
if [ ! -d "$target" ]; then
  exec 9>"$target.lock"
  flock 9
  if [ ! -d "$target" ]; then
    work=$(mktemp -d "$cache/data-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
    [ -z "$as" ] || chown postgres:postgres "$work"
    # shellcheck disable=SC2086  # a command with its options
    (cd / && env -u LC_ALL -u LANG $as "$bin/initdb" --pgdata="$work/data" --auth=trust --username=postgres --encoding="$2" \
      --locale="$locale" --wal-segsize=1 --no-sync >"$work/log" 2>&1) || { cat "$work/log" >&2; exit 1; }
    mv "$work/data" "$target"
  fi
fi
echo "$target"
