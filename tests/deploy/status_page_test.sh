#!/bin/bash
# The status page in a real browser, on a real PostgreSQL with clients that are encrypted, unencrypted and hostile by name; a server that is
# down and one whose role is blind; with and without a password.
# PGTLS_EXPORTER: the executable. In a network of its own, where addresses that are not loopback exist and every port is free.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
if [[ ${1:-} != inside ]]; then
  tests/deploy/npm.sh
  exec unshare --net "$0" inside
fi
ip link set lo up
ip address add 192.0.2.1/24 dev lo

# shellcheck source=tests/deploy/throwaway.sh
source tests/deploy/throwaway.sh

make_server 192.0.2.1 5 '/O=<script>x()<\/script>/CN=db1' -addext subjectAltName=IP:192.0.2.1
echo 'local all all trust
host all all 192.0.2.0/24 trust' | as_postgres tee "$data/pg_hba.conf" >/dev/null
server start
create_monitoring_role
# Names that a page might obey: markup, quotes, U+202E, a line break.
psql -X -q -v ON_ERROR_STOP=1 -h "$work" -U postgres <<'SQL'
CREATE ROLE bob LOGIN;
CREATE ROLE blind LOGIN;
CREATE ROLE "<script>document.title='owned'</script>" LOGIN;
CREATE ROLE U&"back\202Ewards\000Aline" LOGIN;
SQL

cat >"$work/config.yml" <<CONFIG
servers:
  - name: db1
    conninfo: host=192.0.2.1 dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=$data/server.crt
  - name: blind
    conninfo: host=192.0.2.1 dbname=postgres user=blind sslmode=require
  - name: '"><img src=x onerror="document.title=1">'
    conninfo: host=192.0.2.1 port=1 dbname=postgres
collectors:
  sessions: {interval: 1s}
  hba: {interval: 1s}
policy:
  allow_unencrypted:
    - {name: bob-until-migrated, user: bob}
CONFIG
client() {
  psql -X "host=192.0.2.1 dbname=postgres sslmode=$1 user='$2' application_name='$3'" -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
  children+=($!)
}
client require bob encrypted
client disable bob agreed
client disable "<script>document.title=\\'owned\\'</script>" '<img src=x onerror=alert(1)>'
client disable $'back\u202Ewards\nline' hidden

"$PGTLS_EXPORTER" --config.file="$work/config.yml" --web.listen-address=127.0.0.1:9743 2>"$work/exporter.log" &
children+=($!)
# A thousand servers: most of them are down, so that each row has issues.
{
  echo 'servers:'
  for i in {1..1000}; do
    printf '  - {name: "fleet %04d", conninfo: host=192.0.2.1 port=%d dbname=postgres user=tls_exporter sslmode=require}\n' "$i" $((i > 990 ? 5432 : 1))
  done
} >"$work/fleet.yml"
"$PGTLS_EXPORTER" --config.file="$work/fleet.yml" --web.listen-address=127.0.0.1:9745 2>"$work/fleet.log" &
children+=($!)
# shellcheck disable=SC2016  # bcrypt's own dollars
hash='$2b$10$GuJKgrrjQ5HsQ1M8118MGOGorZiHo2pnTD3x5ginoek/rJXhbiEfW' # bcrypt of "open sesame"
printf 'basic_auth_users:\n  ada: %s\n' "$hash" >"$work/web.yml"
"$PGTLS_EXPORTER" --config.file="$work/config.yml" --web.config.file="$work/web.yml" --web.listen-address=127.0.0.1:9744 \
  2>"$work/guarded.log" &
children+=($!)

# until_true WHAT COMMAND…
until_true() {
  local deadline=$((SECONDS + 240)) what=$1
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "$what: not within the time"
    sleep 0.1
  done
}
all_seen() {
  [[ $(curl -sf http://127.0.0.1:9743/metrics | grep -cE '^pg_tls_(hba_plaintext|unencrypted)_connections\{server="db1"') == 6 ]]
}
until_true 'the clients on the page' all_seen
until_true 'the first collections' curl -sf -o /dev/null http://127.0.0.1:9743/-/ready
until_true 'the fleet' curl -sf -o /dev/null http://127.0.0.1:9745/-/ready
until_true 'the guarded exporter' curl -sf -o /dev/null -u 'ada:open sesame' http://127.0.0.1:9744/-/ready

code=0
"$PGTLS_EXPORTER" check --profile=pci --format=html --config.file="$work/config.yml" >"$work/report.html" 2>"$work/check.log" || code=$?
[[ $code == 2 ]] || fail "check --format=html: exit code $code: $(<"$work/check.log")"

REPORT="file://$work/report.html" node --test --test-reporter=spec tests/deploy/status_page.mjs >"$work/browser.log" 2>&1 || {
  cat "$work/browser.log" >&2
  fail 'the browser'
}
echo 'The page and the report hold in a browser.'
