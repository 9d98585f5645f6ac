#!/bin/bash
# Shows the exporter at work: builds it, makes two throwaway PostgreSQL servers with TLS and a PgBouncer, opens real clients on them, and
# watches them.
#   deploy/demo.sh              runs until Ctrl-C, which leaves nothing behind
#   deploy/demo.sh --once       the same, checks that the page matches the clients, and exits: 0 if it does
#   deploy/demo.sh --with-prometheus   with a Prometheus, the project's alerts and an Alertmanager too, and a client that sets one off;
#                               with --once, waits for the alerts that the demo makes true, and fails where one does not come
#   deploy/demo.sh --dsn=…      builds it and watches your server instead (a libpq conninfo); with --once, one collection
# PGTLS_EXPORTER names an executable to use; nothing is installed or built then.
# shellcheck disable=SC2154,SC2034  # the parts share their variables
set -euo pipefail
cd "$(dirname "$0")/.."

once=false
with_prometheus=false
dsn=
for argument in "$@"; do
  case $argument in
    --once) once=true ;;
    --with-prometheus) with_prometheus=true ;;
    --dsn=*) dsn=${argument#--dsn=} ;;
    *)
      sed -n '2,9s/^# \{0,1\}//p' deploy/demo.sh >&2
      exit 2
      ;;
  esac
done
# shellcheck disable=SC1090  # the parts, each a file of its own
for part in common exporter servers clients expectations prometheus; do source "deploy/demo/$part.sh"; done

# ---- Build

exporter=${PGTLS_EXPORTER:-build/release/pg_tls_exporter}
if [[ -z ${PGTLS_EXPORTER:-} ]]; then
  kind=demo
  if [[ -n $dsn ]]; then kind=build; fi
  if $with_prometheus; then kind=prometheus; fi
  deploy/install-dependencies.sh $kind
  say "Building (Release)"
  cmake --preset release >/dev/null
  cmake --build --preset release --target pg_tls_exporter
fi

if [[ -n $dsn ]]; then
  if $once; then
    "$exporter" collect --dsn="$dsn"
    exit
  fi
  serve --dsn="$dsn"
  say "Monitoring your server. Status page: $url/    Metrics: $url/metrics    Ctrl-C ends it."
  excerpt pg_tls_up pg_tls_exporter_connection_info pg_tls_collector_failure_info pg_tls_connections \
    pg_tls_unencrypted_connections pg_tls_unencrypted_connections_by_network
  if $with_prometheus; then start_prometheus; fi
  wait "$exporter_pid"
  exit
fi

# The user's own libpq settings, files included, are for the user's servers.
unset "${!PG@}"
export HOME=$run

remote_address=
if $with_prometheus; then remote_address=$(own_address); fi

chmod 755 "$run"
say "Starting two PostgreSQL servers"
make_certificates
start_server orders 15432
start_server billing 15433
say "Starting a PgBouncer in front of orders"
start_pooler

say "Opening clients"
open_clients

# Renewed on disk, and nobody has reloaded the server: what clients get is still the old certificate.
issue orders 730 /CN=localhost "$names"
install_certificate orders "$run/orders/data"

# ---- The exporter

echo demo >"$run/password"
cat >"$run/config.yml" <<END
servers:
  - name: orders
    conninfo: host=localhost port=${port_of[orders]} dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=$run/ca.crt
    password_file: $run/password
  - name: billing
    conninfo: host=localhost port=${port_of[billing]} dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=$run/ca.crt
    password_file: $run/password
  - name: pool
    conninfo: host=localhost port=${port_of[pool]} dbname=pgbouncer user=tls_exporter sslmode=verify-full sslrootcert=$run/ca.crt
    password_file: $run/password
policy:
  allow_unencrypted:
    - {name: erp-until-migrated, user: erp, database: shop, client_addr: 127.0.2.0/24, until: $(date -u -d '+60 days' +%F)}
END
if $with_prometheus; then
  echo 'collectors: {sessions: {interval: 2s}, hba: {interval: 2s}}' >>"$run/config.yml"
fi
serve --config.file="$run/config.yml"

say "Open connections, and how they are protected"
excerpt pg_tls_up pg_tls_exporter_connection_info pg_tls_connections pg_tls_cipher_connections \
  pg_tls_client_certificate_connections
say "Unencrypted connections (allowed: by the policy in the configuration)"
excerpt pg_tls_unencrypted_connections pg_tls_unencrypted_connections_by_network

say "Certificates: billing's is about to expire, orders' was replaced on disk without a reload"
excerpt pg_tls_certificate_not_after_timestamp_seconds pg_tls_served_certificate_matches_file pg_tls_certificate_verified
say "What each sslmode gets, with the exporter's user from this machine"
excerpt pg_tls_sslmode_connects pg_tls_sslmode_encrypted pg_tls_plaintext_accepted
say "Rules of pg_hba.conf that admit unencrypted connections"
excerpt pg_tls_hba_plaintext_admitted pg_tls_hba_plaintext_rule_info pg_tls_hba_plaintext_connections

# ---- Look, or check

if $once; then check_page; fi
if $with_prometheus; then
  start_prometheus
  watch_alerts
fi
if ! $once; then
  say "Status page: $url/    Metrics: $url/metrics    Ctrl-C ends everything."
  if $with_prometheus; then where_to_look; fi
  echo "To connect a client of your own, without TLS:"
  echo "  PGPASSWORD=demo psql 'host=localhost port=${port_of[orders]} dbname=shop user=erp sslmode=disable'"
  wait "$exporter_pid"
elif $with_prometheus; then
  say "The expected alerts are there."
fi
