#!/bin/bash
# A real Prometheus with the rules, on the exporter, on a real PostgreSQL: an unencrypted client appears, its alert fires with its user
# and address, the client leaves and it resolves; another comes, the server goes blind and the alert stays; a third comes and goes between
# two scrapes. And every query of the dashboards.
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

make_server 192.0.2.1 20 /CN=db1 -addext subjectAltName=IP:192.0.2.1,DNS:db1.example
echo "ssl_ca_file = 'server.crt'" | as_postgres tee -a "$data/postgresql.conf" >/dev/null
echo 'local all all trust
host all all 192.0.2.0/24 trust' | as_postgres tee "$data/pg_hba.conf" >/dev/null
server start
create_monitoring_role
psql -X -q -h "$work" -U postgres -c 'CREATE ROLE bob LOGIN'

cat >"$work/config.yml" <<CONFIG
servers:
  - name: db1
    conninfo: host=192.0.2.1 dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=$data/server.crt
    endpoint_names: [db1.example]
collectors:
  sessions: {interval: 1s}
  settings: {interval: 1s}
  hba: {interval: 1s}
  endpoint: {interval: 1s, enforcement_interval: 2s}
  certificates: {interval: 1s, read_via: local, files: [$work/broken.crt]}
policy:
  allow_unencrypted:
    - {name: until-migrated, user: nobody, until: 2099-12-31}
CONFIG
echo 'no certificate' >"$work/broken.crt"
install -m 600 "$data/server.key" "$work/client.key"
"$PGTLS_EXPORTER" --config.file="$work/config.yml" 2>"$work/exporter.log" &
exporter=$!
children+=("$exporter")

sed 's/_interval: 15s/_interval: 1s/' deploy/prometheus/prometheus.yml >"$work/prometheus.yml"
cp -r deploy/prometheus/rules "$work/rules"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address=127.0.0.1:9090 \
  2>"$work/prometheus.log" &
prometheus=$!
children+=("$prometheus")

query() { promtool query instant http://127.0.0.1:9090 "$1" 2>/dev/null; }
# until_query WANT QUERY: waits for a result (WANT: some) or for none
until_query() {
  local deadline=$((SECONDS + 240)) got
  while :; do
    got=error
    if query 'vector(1)' >/dev/null; then
      got=$(query "$2" | grep -q . && echo some || echo none)
    fi
    [[ $got == "$1" ]] && return
    ((SECONDS < deadline)) || fail "$2: $got, not $1"
    sleep 0.2
  done
}
client() {
  psql -X "host=192.0.2.1 dbname=postgres user=bob sslcert=$data/server.crt sslkey=$work/client.key sslmode=$1 application_name=test" -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
  client=$!
  children+=("$client")
}

until_query some 'pg_tls_up == 1'
until_query some 'sum(pg_tls_collector_success) == 6'
client require
until_query some 'pg_tls_connections{user="bob",encryption="tls"} == 1'
until_query none 'ALERTS{alertname="PgTlsUnencryptedConnections"}'

client disable
until_query some 'ALERTS{alertname="PgTlsUnencryptedConnections",alertstate="firing",server="db1",user="bob",client_addr="192.0.2.1"}'
until_query some 'ALERTS{alertname="PgTlsUnencryptedSessions",alertstate="firing",server="db1"}'

# Every query of the dashboards has an answer, but for those about what this server does not have. A reason is for a metric, and
# has to be true: where all queries with the metric have answers it must go.
declare -A may_be_empty=(
  [pg_tls_certificate_verify_error_info]='the certificate verifies'
  [pg_tls_session_count_losses_total]='nothing was lost'
  [pg_tls_exporter_shards]='one exporter has all servers'
  [pg_tls_collector_failure_info]='no collector fails'
  [pg_tls_collector_incomplete_info]='the role sees everything'
  [pg_tls_served_certificate_changed_timestamp_seconds]='the certificate is served for less than a day'
  [pg_tls_certificate_usage_info]='no certificate is restricted to a purpose'
  [pg_tls_next_start_failure_info]='the next start succeeds'
  [pg_tls_client_ca_refused_info]='every authority is accepted'
  [pg_tls_crl_unknown_issuer_info]='there is no revocation list'
  [pg_tls_certificate_series_omitted]='there are fewer certificates than the cap'
  [pg_tls_setting_pending_restart]='no setting waits'
  [pg_tls_setting_pending_reload]='no setting waits'
  [pg_tls_crl_next_update_timestamp_seconds]='there is no revocation list'
  [pg_tls_root_verified]='no next root is configured'
  [pg_tls_client_certificate_not_after_timestamp_seconds]='no client has a certificate'
  [pg_tls_client_certificate_not_before_timestamp_seconds]='no client has a certificate'
  [pg_tls_client_certificate_last_seen_timestamp_seconds]='no client has a certificate'
  [pg_tls_client_certificate_unknown_connections]='no client has a certificate'
  [pg_tls_client_certificate_revoked_connections]='no client has a certificate'
  [pg_tls_client_certificate_client_info]='no client has a certificate'
  [pg_tls_host_certificate_info]='PostgreSQL 19 with pg_hosts.conf'
  [pg_tls_served_certificate_matches_file]='no name has an entry in pg_hosts.conf'
  [pg_tls_wal_receiver_info]='this is no standby'
  [pg_tls_policy_violating_connections]='there is no policy.require'
  [pg_tls_policy_exempted_connections]='nobody uses the exemption'
  [pg_tls_link_info]='there is no link'
  ['pgbouncer client']='this is no PgBouncer'
  [pg_tls_link_connections]='this is no PgBouncer'
  [pg_tls_replication_connections]='nobody replicates'
  [pg_tls_logged_unencrypted_clients]='the log collector is off'
  [pg_tls_logged_sessions_total]='the log collector is off'
  [pg_tls_logged_unencrypted_sessions_total]='the log collector is off'
  [pg_tls_logged_rejections_total]='the log collector is off'
  [pg_tls_logged_handshake_failures_total]='the log collector is off'
  [pg_tls_logged_authentications_total]='the log collector is off'
  [pg_tls_logged_contradictions_total]='the log collector is off'
  [pg_tls_log_last_record_timestamp_seconds]='the log collector is off'
  [pg_tls_log_gaps_total]='the log collector is off'
  [pg_tls_direct_tls_supported]='PostgreSQL 17 and later'
  [pg_tls_sasl_mechanism_offered]='the server asks for no password'
  [pg_tls_authenticating_connections]='PostgreSQL 18 and later'
)
PGTLS_EXPRESSIONS=$work/expressions node --test --test-name-pattern='every expression goes on' tests/grafana/dashboards_test.mjs >/dev/null
until_query some 'pg_tls_client_certificate_connections and on () pg_tls_private_key_ok and on () pg_tls_plaintext_accepted'
declare -A was_empty=()
asked=0
while read -r expression; do
  expression=$(sed 's/^"//; s/"$//; s/\\"/"/g; s/\\n/ /g; s/\\\\/\\/g; s/\$\(job\|instance\|server\)/.*/g' <<<"$expression")
  answer=$(promtool query instant http://127.0.0.1:9090 "$expression" 2>&1) || fail "$expression: $answer"
  asked=$((asked + 1))
  [[ -z $answer ]] || continue
  excused=
  for metric in "${!may_be_empty[@]}"; do
    if grep -qw "$metric" <<<"$expression"; then
      excused=yes
      was_empty[$metric]=yes
    fi
  done
  [[ -n $excused ]] || fail "no answer to: $expression"
done <"$work/expressions"
((asked > 100)) || fail "only $asked queries"
for metric in "${!may_be_empty[@]}"; do
  [[ -n ${was_empty[$metric]:-} ]] || fail "every query about $metric has an answer: '${may_be_empty[$metric]}' is no reason any more"
done
# The variables' choices.
[[ $(curl -sf 'http://127.0.0.1:9090/api/v1/label/server/values?match[]=pg_tls_collector_success' -g) == *'["db1"]'* ]] || fail 'label_values(…, server)'

# The client cancels what it asked for and leaves: the alert resolves. It comes back.
kill -INT "$client"
until_query none 'ALERTS{alertname="PgTlsUnencryptedConnections"}'
client disable
until_query some 'ALERTS{alertname="PgTlsUnencryptedConnections",alertstate="firing",user="bob"}'

# The server goes, and with it every sight of the client. The alert does not.
server stop -m immediate
until_query some 'pg_tls_up == 0'
until_query none 'pg_tls_unencrypted_connections'
until_query some 'ALERTS{alertname="PgTlsUnencryptedConnections",alertstate="firing",user="bob"}'
server start
until_query some 'pg_tls_up == 1'
until_query none 'ALERTS{alertname="PgTlsUnencryptedConnections"}'

# In and out again while nobody scrapes: only the counter has it. Another exporter, whose counter is at 0 and has no alert yet; Prometheus
# is halted while the client is there.
kill "$exporter"
wait "$exporter" || true
cat >"$work/second.yml" <<CONFIG
servers:
  - name: db1
    conninfo: host=192.0.2.1 dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=$data/server.crt
    collectors: {settings: {enabled: false}, hba: {enabled: false}, endpoint: {enabled: false}, certificates: {enabled: false}}
collectors:
  sessions: {interval: 1s}
CONFIG
second=127.0.0.1:9744
"$PGTLS_EXPORTER" --config.file="$work/second.yml" --web.listen-address=$second 2>"$work/second.log" &
children+=($!)
sed -i "s/localhost:9743/$second/" "$work/prometheus.yml"
kill -HUP "$prometheus"
unencrypted="network=\"remote\",allowed=\"false\""
until_query some "pg_tls_unencrypted_sessions_total{instance=\"$second\",$unencrypted} == 0"
# until_exporter LINE: waits until the second exporter's own page has it
until_exporter() {
  local deadline=$((SECONDS + 240))
  until curl -sf "http://$second/metrics" | grep -xF "$1" >/dev/null; do
    ((SECONDS < deadline)) || fail "the exporter's page: no $1"
    sleep 0.2
  done
}
# Halted it would not end either.
trap 'kill -CONT "$prometheus"; clean_up' EXIT
kill -STOP "$prometheus"
client disable
until_exporter "pg_tls_unencrypted_sessions_total{server=\"db1\",$unencrypted} 1"
kill -INT "$client"
until_exporter "pg_tls_unencrypted_connections_by_network{server=\"db1\",$unencrypted} 0"
kill -CONT "$prometheus"
until_query some "ALERTS{alertname=\"PgTlsUnencryptedSessions\",alertstate=\"firing\",instance=\"$second\"}"
# No scrape ever saw it.
until_query some "max_over_time(pg_tls_unencrypted_connections_by_network{instance=\"$second\",$unencrypted}[1h]) == 0"
echo 'The alert fired, outlived its server, and resolved.'
