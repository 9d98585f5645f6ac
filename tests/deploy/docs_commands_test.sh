#!/bin/bash
# Every command of README.md and docs/, run as it is written there: on a machine of its own (unshare, so as root) whose /etc, name db1 and
# ports are this test's. A command that no case below knows is a failure: it would be documented and untested.
#   PGTLS_EXPORTER  the executable under test, in the place of build/release/pg_tls_exporter
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
[[ ${1:-} == inside ]] || exec unshare --net --mount "$0" inside

# shellcheck source=tests/deploy/throwaway.sh
source tests/deploy/throwaway.sh
trap 'umount /etc 2>/dev/null || true; clean_up' EXIT

# ---- The machine: db1 with TLS, and a plaintext rule for the old ERP

cp -a /etc "$work/etc"
mount --bind "$work/etc" /etc
echo '192.0.2.1 db1' >>/etc/hosts
ip link set lo up
ip address add 192.0.2.1/24 dev lo
make_server 192.0.2.1 200 /CN=db1 -addext subjectAltName=DNS:db1
as_postgres tee "$data/pg_hba.conf" >/dev/null <<'HBA'
local all all trust
hostssl all tls_exporter 192.0.2.0/24 trust
host erp erp 10.1.2.0/24 scram-sha-256
hostnossl all all all reject
HBA
server start
export PGHOST=$work PGUSER=postgres PGOPTIONS='-c client_min_messages=warning'

# The tree as it is after the build that the README describes.
mkdir -p "$work/tree/build/release"
ln -s "$PWD"/* "$work/tree/" 2>/dev/null || true
rm -f "$work/tree/build/release/pg_tls_exporter"
ln -s "$PGTLS_EXPORTER" "$work/tree/build/release/pg_tls_exporter"
mkdir "$work/path"
ln -s "$PGTLS_EXPORTER" "$work/path/pg_tls_exporter"
export PATH=$work/path:$PATH

# ---- What each command must do

# expect CODE TEXT COMMAND
expect() {
  local code=0
  (cd "$work/tree" && eval "$3") >"$work/out.log" 2>&1 || code=$?
  [[ $code == "$1" ]] || fail "exit code $code, not $1: $3"
  [[ -z $2 ]] || grep -qF -- "$2" "$work/out.log" || fail "no '$2' in the output of: $3"
}
# serves SERVICE COMMAND: while the service runs, with the configuration of the first steps, the command prints that its server is up; SIGTERM ends it.
serves() {
  (cd "$work/tree" && exec $1) 2>"$work/out.log" &
  local service=$!
  children=("$service")
  local deadline=$((SECONDS + 240))
  until eval "$2" | grep -q '^pg_tls_up{server="orders"} 1'; do
    if ((SECONDS >= deadline)) || ! kill -0 "$service"; then fail "the server is not up on port 9743: $1; $2"; fi
  done
  kill "$service"
  wait "$service" || fail "it does not end well: $1"
  children=()
}
run() {
  case $1 in
    # Run by demo_test.sh, by whoever runs this test, for minutes on a calm machine, and by debian_package_test.sh.
    deploy/demo.sh* | tests/run.sh* | tests/bench/run.sh* | deploy/package.sh) ;;
    # The base library alone: all of it is minutes, and debian_package_test.sh's.
    'cmake --preset release') expect 0 'Generating done' "$1 -B $work/release" ;;
    'cmake --build --preset release') expect 0 '' "cmake --build $work/release --target pgtls_base" ;;
    'psql '*monitoring_role.sql) expect 0 '' "$1" && expect 0 '' "$1" ;;
    'deploy/install-dependencies.sh build') expect 0 '' "$1" ;;
    *'pg_tls_exporter collect --dsn='*) expect 0 'pg_tls_up{server="db1:5432"} 1' "$1" ;;
    'pg_tls_exporter collect --config.file='*' --output='*)
      expect 0 '' "${1/\/var\/lib\/prometheus\/node-exporter/$work}"
      grep -q '^pg_tls_up{server="orders"} 1' "$work/pg_tls.prom" || fail "nothing in the file of: $1"
      ;;
    *'pg_tls_exporter check --dsn='*) expect 2 'pg_hba.conf:3: host erp erp 10.1.2.0/24' "$1" ;;
    'pg_tls_exporter explain --dsn=… --user=U --database=D --address=A --encryption=none')
      expect 0 'pg_hba.conf:3' "pg_tls_exporter explain --dsn='host=db1 dbname=postgres user=tls_exporter' --user=erp --database=erp --address=10.1.2.3 --encryption=none"
      ;;
    *'pg_tls_exporter explain --dsn='*) expect 0 'pg_hba.conf:3' "$1" ;;
    'pg_tls_exporter config-check --config.file=F') expect 0 ': ok' "${1/=F/=$work/config.yml}" ;;
    'pg_tls_exporter config-check --config.file=…') expect 0 ': ok' "${1/=…/=$work/config.yml}" ;;
    'pg_tls_exporter check --profile=cis --config.file='*) expect 2 '5.4  Logins over TCP' "$1" ;;
    'pg_tls_exporter check --profile=pci --format=html --config.file='*) expect 2 '<!DOCTYPE html>' "$1" ;;
    'pg_tls_exporter check --config.file=/etc/'*) expect 2 'pg_hba.conf:3: host erp erp 10.1.2.0/24' "$1" ;;
    'pg_tls_exporter check') expect 2 'pg_hba.conf:3: host erp erp 10.1.2.0/24' "$1 --config.file=/etc/pg_tls_exporter/config.yml" ;;
    'pg_tls_exporter explain') expect 0 '--encryption' "$1 --help" ;;
    # With a Prometheus that has a history: report_test.sh.
    'pg_tls_exporter report --prometheus.url='*) expect 2 'http://localhost:9090: ' "$1" ;;
    'pg_tls_exporter metrics') expect 0 'pg_tls_unencrypted_connections' "$1" ;;
    *'pg_tls_exporter --config.file=/etc/pg_tls_exporter/config.yml') serves "$1" 'curl -sf http://127.0.0.1:9743/metrics' ;;
    "curl -s 'http://INSTANCE/metrics?server=SERVER'")
      command=${1/INSTANCE/127.0.0.1:9743}
      serves 'pg_tls_exporter --config.file=/etc/pg_tls_exporter/config.yml' "${command/SERVER/orders}"
      ;;
    'cp -r deploy/prometheus/rules /etc/prometheus/pg_tls_rules') expect 0 '' "$1" ;;
    'promtool check config '*' && systemctl reload prometheus') expect 0 SUCCESS "${1% && systemctl*}" ;;
    # Debian has no Grafana to restart.
    *' && systemctl restart grafana-server' | *' /var/lib/grafana/dashboards/pg_tls') ;;
    *) fail "a documented command that no test runs: $1" ;;
  esac
}

touch "$work/password"
# The examples of configuration: the whole file, and that of the first steps, which is in force.
sed -n '/^## The file$/,/^| key /p' docs/configuration.md | sed -n 's/^    //p' | sed "s#/run/secrets/[a-z]*#$work/password#" >"$work/config.yml"
mkdir -p /etc/pg_tls_exporter
sed -n '/config.yml`:$/,/and run/p' docs/getting-started.md | sed -n 's/^       //p' | sed "s#/run/secrets/[a-z]*#$work/password#" >/etc/pg_tls_exporter/config.yml

# In blocks, without the comment at their end; and within sentences.
cat README.md docs/*.md >"$work/pages"
grep -E '^ {4,}(deploy|tests|build)/|^ {4,}(psql|cmake|curl|cp|mkdir|promtool|prometheus|pg_tls_exporter) ' "$work/pages" |
  sed -E 's/^ +//; s/ +# .*//' >"$work/commands"
# shellcheck disable=SC2016  # backticks of Markdown
grep -oE '`(deploy/[a-z-]+\.sh|tests/[a-z/]*run\.sh|pg_tls_exporter [^`]*)[^`]*`' "$work/pages" | tr -d '`' >>"$work/commands"
count=0
while read -r command <&3; do
  run "$command"
  count=$((count + 1))
done 3<"$work/commands"
((count >= 12)) || fail "only $count commands were found"

# What the guide to hostssl warns of: `host` admits a client with GSS encryption, `hostnossl` matches it, and `hostssl` would not.
asks="pg_tls_exporter explain --dsn='host=db1 dbname=postgres user=tls_exporter' --user=erp --database=erp"
expect 0 'pg_hba.conf:3' "$asks --address=10.1.2.3 --encryption=gss"
expect 1 'pg_hba.conf:4' "$asks --address=10.9.9.9 --encryption=gss"
as_postgres sed -i 's/^host erp/hostssl erp/' "$data/pg_hba.conf"
server reload
expect 1 'pg_hba.conf:4' "$asks --address=10.1.2.3 --encryption=gss"
as_postgres sed -i 's/^hostssl erp.*/hostgssenc erp erp 10.1.2.0\/24 scram-sha-256\n&/' "$data/pg_hba.conf"
server reload
expect 0 'pg_hba.conf:3' "$asks --address=10.1.2.3 --encryption=gss"
expect 0 'pg_hba.conf:4' "$asks --address=10.1.2.3 --encryption=tls"
expect 1 'pg_hba.conf:5' "$asks --address=10.1.2.3 --encryption=none"
