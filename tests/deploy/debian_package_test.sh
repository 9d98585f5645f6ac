#!/bin/bash
# The package of each Debian release in a clean system of that release: installed, run as its user, upgraded, removed, purged. Runs as
# root; a few minutes.
#   tests/deploy/debian_package_test.sh [SUITE]     (default: bookworm and trixie)
set -euo pipefail
cd "$(dirname "$0")/../.."
if (($# == 0)); then
  for suite in bookworm trixie; do "$0" $suite; done
  exit
fi
suite=$1
work=$(mktemp -d)
root=$work/root
pid=
cleanup() {
  [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT

# Built where the compiler is, and installed where nothing is.
if [[ $suite == "$(. /etc/os-release && echo "$VERSION_CODENAME")" ]]; then
  package=$(deploy/package.sh)
else
  builder=$(tests/support/debian-root.sh "$suite")
  package=$(tests/support/in-root.sh "$builder" deploy/package.sh)
  package=$builder/var/${package#/src/}
fi
tests/support/debian-root.sh "$suite" "$root" >"$work/log"
mount -t proc proc "$root/proc"
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

cp "$package" "$root/package.deb"
inside apt-get update -q >"$work/log"
inside apt-get install -y -q --no-install-recommends /package.deb >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; exit 1; }

inside pg_tls_exporter --version
inside pg_tls_exporter config-check --config.file=/etc/pg_tls_exporter/config.yml
[[ $(inside getent passwd tls_exporter | cut -d: -f7) == /usr/sbin/nologin ]] || fail 'the user tls_exporter'
[[ $(inside stat -c '%U:%G %a' /etc/pg_tls_exporter) == 'root:tls_exporter 750' ]] || fail 'the mode of /etc/pg_tls_exporter'
for file in bin/pg_tls_exporter lib/systemd/system/pg_tls_exporter.service share/man/man1/pg_tls_exporter.1 \
  share/bash-completion/completions/pg_tls_exporter share/pg_tls_exporter/prometheus/rules/sessions.yml \
  share/pg_tls_exporter/grafana/dashboards/fleet.json share/pg_tls_exporter/sql/monitoring_role.sql \
  share/doc/pg-tls-exporter/README.md; do
  inside test -s "/usr/$file" || fail "no /usr/$file"
done

tests/deploy/links.py "$root/usr/share/doc/pg-tls-exporter" docs/configuration.md || fail 'links of the installed documentation (above)'

# Position-independent, nothing writable that is resolved at start, guarded stacks and copies.
elf=$(readelf -hldsW "$root/usr/bin/pg_tls_exporter")
for sign in 'DYN (Position-Independent' GNU_RELRO 'Flags: NOW' __stack_chk_fail@ __memcpy_chk@; do
  [[ $elf == *"$sign"* ]] || fail "the program was built without: $sign"
done

# As the unit starts it. There is no server in there: the page says so.
chroot "$root" setpriv --reuid=tls_exporter --regid=tls_exporter --clear-groups \
  /usr/bin/pg_tls_exporter --config.file=/etc/pg_tls_exporter/config.yml --web.listen-address=127.0.0.1:0 2>"$work/exporter.log" &
pid=$!
address=
for ((i = 0; i < 300; ++i)); do
  address=$(grep -oE '127\.0\.0\.1:[1-9][0-9]*' "$work/exporter.log" | head -n 1 || true)
  [[ -n $address ]] && curl -fsS "http://$address/-/ready" >/dev/null 2>&1 && break
  kill -0 "$pid" 2>/dev/null || { cat "$work/exporter.log" >&2; fail 'it ended'; }
  sleep 0.1
done
page=$(curl -fsS "http://$address/metrics")
grep -q '^pg_tls_up{server="local"} 0$' <<<"$page" || fail 'the page does not say that the server is down'
promtool check metrics <<<"$page" || fail 'promtool check metrics'
kill -HUP "$pid"
curl -fsS "http://$address/-/healthy" >/dev/null
kill "$pid"
wait "$pid" || fail "exit code $? after SIGTERM"
pid=

# A configuration that its administrator changed outlives an upgrade and a removal, not a purge.
echo '# mine' >>"$root/etc/pg_tls_exporter/config.yml"
inside dpkg -i /package.deb >"$work/log" 2>&1 || { cat "$work/log" >&2; fail upgrade; }
grep -q '^# mine' "$root/etc/pg_tls_exporter/config.yml" || fail 'an upgrade changed the configuration'
inside dpkg -r pg-tls-exporter >"$work/log"
[[ -e $root/etc/pg_tls_exporter/config.yml ]] || fail 'a removal took the configuration away'
inside dpkg -P pg-tls-exporter >"$work/log" 2>&1
[[ ! -e $root/etc/pg_tls_exporter ]] || fail 'a purge left the configuration'
[[ -z $(find "$root/usr" -name '*pg_tls_exporter*' -print -quit) ]] || fail 'a purge left files'
echo "${package##*/} installs, runs, upgrades and goes on $suite."
