#!/bin/bash
# Shows the exporter at work: builds it, makes two throwaway PostgreSQL servers with TLS, opens real clients on them, and watches them.
#   deploy/demo.sh              runs until Ctrl-C, which leaves nothing behind
#   deploy/demo.sh --once       the same, checks that the page says what the clients are, and exits: 0 if it does
#   deploy/demo.sh --dsn=…      builds it and watches your server instead (a libpq conninfo); with --once, one collection
# PGTLS_EXPORTER names an executable to use; nothing is installed or built then.
set -euo pipefail
cd "$(dirname "$0")/.."

once=false
dsn=
for argument in "$@"; do
  case $argument in
    --once) once=true ;;
    --dsn=*) dsn=${argument#--dsn=} ;;
    *)
      sed -n '2,6s/^# \{0,1\}//p' deploy/demo.sh >&2
      exit 2
      ;;
  esac
done

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() {
  echo "demo.sh: $*" >&2
  exit 1
}

# ---- Build

exporter=${PGTLS_EXPORTER:-build/release/pg_tls_exporter}
if [[ -z ${PGTLS_EXPORTER:-} ]]; then
  deploy/install-dependencies.sh "$([[ -n $dsn ]] && echo build || echo demo)"
  say "Building (Release)"
  cmake --preset release >/dev/null
  cmake --build --preset release --target pg_tls_exporter
fi

# ---- What must be gone at the end

run=$(mktemp -d /tmp/pg_tls_demo.XXXXXX)
children=()
data_directories=()
clean_up() {
  trap - EXIT INT TERM
  ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
  for data in "${data_directories[@]}"; do as_server "$bin/pg_ctl" stop -D "$data" -m immediate -s 2>/dev/null || true; done
  wait || true
  rm -rf "$run"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_for SECONDS WHAT COMMAND…
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || die "$what: not within the time"
    sleep 0.1
  done
}
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# serve ARGUMENT…: the exporter, on $url
serve() {
  local port
  port=$(free_port 9743)
  url=http://127.0.0.1:$port
  "$exporter" --web.listen-address="127.0.0.1:$port" "$@" 2>"$run/exporter.log" &
  exporter_pid=$!
  children+=("$exporter_pid")
  wait_for 60 "the exporter's first collection ($(tail -n 3 "$run/exporter.log"))" is_ready
}
is_ready() {
  kill -0 "$exporter_pid" 2>/dev/null || die "the exporter ended: $(cat "$run/exporter.log")"
  curl -sf -o /dev/null "$url/-/ready"
}
# excerpt FAMILY…: their samples on the page
excerpt() {
  local family
  curl -sf "$url/metrics" >"$run/page"
  for family in "$@"; do grep -E "^${family}[{ ]" "$run/page" || true; done
}

if [[ -n $dsn ]]; then
  if $once; then
    "$exporter" collect --dsn="$dsn"
    exit
  fi
  serve --dsn="$dsn"
  say "Watching your server: $url/metrics (Ctrl-C ends it)"
  excerpt pg_tls_up pg_tls_exporter_connection_info pg_tls_collector_failure_info pg_tls_connections \
    pg_tls_unencrypted_connections pg_tls_unencrypted_connections_by_network
  wait "$exporter_pid"
  exit
fi

# The user's own libpq settings, files included, are for the user's servers.
unset "${!PG@}"
export HOME=$run

# ---- Certificates: an authority, a server certificate for each server, one for a client

# issue NAME DAYS SUBJECT EXTENSION: $run/NAME.crt and .key, by the demo's authority
issue() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$run/$1.key" -out "$run/$1.csr" \
    -subj "$3" 2>/dev/null
  openssl x509 -req -in "$run/$1.csr" -CA "$run/ca.crt" -CAkey "$run/ca.key" -days "$2" -out "$run/$1.crt" \
    -extfile <(echo "$4") 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$run/ca.key" -out "$run/ca.crt" \
  -days 3650 -subj '/CN=Demo CA' 2>/dev/null
names='subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1'
issue orders 365 /CN=localhost "$names"
issue billing 9 /CN=localhost "$names"
issue partner 365 /CN=partner 'extendedKeyUsage = clientAuth'

# ---- Servers

bin=/usr/lib/postgresql/15/bin
server_user=$(id -un)
if [[ $(id -u) == 0 ]]; then server_user=postgres; fi
# PostgreSQL refuses to run as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}
chmod 755 "$run"

# install_certificate NAME DIRECTORY
install_certificate() {
  install -m 600 ${owner:+-o $owner} "$run/$1.key" "$2/server.key"
  install -m 644 ${owner:+-o $owner} "$run/$1.crt" "$2/server.crt"
}
# start_server NAME: listens on $port_of[NAME], with the socket in its own directory
declare -A port_of
start_server() {
  local name=$1 data=$run/$1/data
  port_of[$name]=$(free_port "$2")
  mkdir "$run/$name"
  [[ $(id -u) != 0 ]] || chown postgres "$run/$name"
  as_server "$bin/initdb" -D "$data" -U "$server_user" --auth=peer --no-sync >/dev/null
  install_certificate "$name" "$data"
  install -m 644 ${owner:+-o $owner} "$run/ca.crt" "$data/root.crt"
  cat >>"$data/postgresql.conf" <<END
port = ${port_of[$name]}
listen_addresses = 'localhost'
unix_socket_directories = '$run/$name'
ssl = on
ssl_ca_file = 'root.crt'
fsync = off
END
  # As a careful DBA writes it: nothing over the network without TLS …
  cat >"$data/pg_hba.conf" <<END
local   all  $server_user                 peer
local   all  all                          scram-sha-256
hostssl all  partner       127.0.0.1/32   cert
hostssl all  all           127.0.0.0/8    scram-sha-256
hostssl all  all           ::1/128        scram-sha-256
# … and the line that somebody added for the old ERP.
host    shop erp,reporting 127.0.0.0/8    scram-sha-256
END
  data_directories+=("$data")
  as_server "$bin/pg_ctl" start -D "$data" -l "$run/$name/log" -w -s
  sql "$name" postgres -f - <deploy/sql/monitoring_role.sql
  sql "$name" postgres -f - <<END
CREATE DATABASE shop;
ALTER ROLE tls_exporter PASSWORD 'demo';
CREATE ROLE app LOGIN PASSWORD 'demo';
CREATE ROLE erp LOGIN PASSWORD 'demo';
CREATE ROLE reporting LOGIN PASSWORD 'demo';
CREATE ROLE partner LOGIN;
END
}
# sql SERVER DATABASE ARGUMENT…: psql as the superuser
sql() {
  local name=$1 database=$2
  shift 2
  as_server env PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -h "$run/$name" -p "${port_of[$name]}" -U "$server_user" -d "$database" "$@"
}

say "Starting two PostgreSQL servers"
owner=
if [[ $(id -u) == 0 ]]; then owner=postgres; fi
start_server orders 15432
start_server billing 15433

# ---- Clients: psql sessions that sit idle until the script ends

mkfifo "$run/silence"
exec 9<>"$run/silence"
# client SERVER CONNINFO
client() {
  PGPASSWORD=demo psql -X -q "dbname=shop host=localhost port=${port_of[$1]} sslrootcert=$run/ca.crt $2" \
    <"$run/silence" 9>&- >>"$run/clients.log" 2>&1 &
  children+=($!)
}
# plaintext_client SERVER ADDRESS CONNINFO: one without TLS that comes from this address of the loopback network
plaintext_client() {
  local relay=$run/from-$2
  mkdir "$relay"
  socat "UNIX-LISTEN:$relay/.s.PGSQL.${port_of[$1]}" "TCP:127.0.0.1:${port_of[$1]},bind=$2" 9>&- &
  children+=($!)
  wait_for 10 "the relay from $2" test -S "$relay/.s.PGSQL.${port_of[$1]}"
  client "$1" "host=$relay $3"
}

say "Opening clients"
client orders 'user=app sslmode=verify-full ssl_min_protocol_version=TLSv1.3'
client orders 'user=app sslmode=verify-full ssl_max_protocol_version=TLSv1.2'
client orders "user=partner host=127.0.0.1 sslmode=verify-full sslcert=$run/partner.crt sslkey=$run/partner.key"
client orders "user=app host=$run/orders"
plaintext_client orders 127.0.2.10 'user=erp application_name=erp-batch'
plaintext_client orders 127.0.2.11 'user=erp application_name=erp-batch'
plaintext_client orders 127.0.7.7 'user=reporting'
client billing 'user=app sslmode=verify-full'
all_connected() {
  [[ $(sql orders postgres -Atc "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'") == 7 &&
    $(sql billing postgres -Atc "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'") == 1 ]]
}
wait_for 30 "the clients to be connected ($run/clients.log)" all_connected

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
policy:
  allow_unencrypted:
    - {name: erp-until-migrated, user: erp, database: shop, client_addr: 127.0.2.0/24, until: $(date -u -d '+60 days' +%F)}
END
serve --config.file="$run/config.yml"

say "Who is connected, and how protected"
excerpt pg_tls_up pg_tls_exporter_connection_info pg_tls_connections pg_tls_cipher_connections \
  pg_tls_client_certificate_connections
say "Who is not encrypted (allowed: by the policy in the configuration)"
excerpt pg_tls_unencrypted_connections pg_tls_unencrypted_connections_by_network

say "Certificates: billing's is about to expire, orders' was replaced on disk without a reload"
excerpt pg_tls_certificate_not_after_timestamp_seconds pg_tls_served_certificate_matches_file pg_tls_certificate_verified
say "What each sslmode gets, as the exporter's user from here"
excerpt pg_tls_sslmode_connects pg_tls_sslmode_encrypted pg_tls_plaintext_accepted
say "By which rule plaintext comes in"
excerpt pg_tls_hba_plaintext_admitted pg_tls_hba_plaintext_rule_info pg_tls_hba_plaintext_connections

# ---- Look, or check

if ! $once; then
  say "The whole page: $url/metrics        Ctrl-C ends everything."
  echo "A client of your own, without TLS:"
  echo "  PGPASSWORD=demo psql 'host=localhost port=${port_of[orders]} dbname=shop user=erp sslmode=disable'"
  wait "$exporter_pid"
  exit
fi

failures=0
# expect SAMPLE: the page has exactly this line
expect() {
  grep -qxF -- "$1" "$run/page" || {
    echo "missing: $1"
    failures=$((failures + 1))
  }
}
# expect_none PREFIX: the page has no such sample
expect_none() {
  ! grep -F -- "$1" "$run/page" | grep -v '^#' || {
    echo "must not be there: $1"
    failures=$((failures + 1))
  }
}
of_orders='server="orders",database="shop"'
of_billing='server="billing",database="shop"'
client_backend='backend_type="client backend"'
expect 'pg_tls_up{server="orders"} 1'
expect 'pg_tls_up{server="billing"} 1'
expect "pg_tls_connections{$of_orders,user=\"app\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"tls\"} 2"
expect "pg_tls_connections{$of_orders,user=\"app\",client_addr=\"\",network=\"local\",$client_backend,encryption=\"none\"} 1"
expect "pg_tls_connections{$of_orders,user=\"partner\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"tls\"} 1"
expect "pg_tls_connections{$of_orders,user=\"erp\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"none\"} 2"
expect "pg_tls_connections{$of_orders,user=\"reporting\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"none\"} 1"
expect "pg_tls_connections{$of_billing,user=\"app\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"tls\"} 1"
expect 'pg_tls_cipher_connections{server="orders",version="TLSv1.2",cipher="ECDHE-ECDSA-AES256-GCM-SHA384",bits="256"} 1'
expect 'pg_tls_cipher_connections{server="orders",version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384",bits="256"} 2'
expect 'pg_tls_client_certificate_connections{server="orders",user="partner",client_dn="/CN=partner",issuer_dn="/CN=Demo CA"} 1'
expect "pg_tls_unencrypted_connections{$of_orders,user=\"erp\",client_addr=\"127.0.2.10\",application_name=\"erp-batch\",network=\"loopback\",allowed=\"true\"} 1"
expect "pg_tls_unencrypted_connections{$of_orders,user=\"erp\",client_addr=\"127.0.2.11\",application_name=\"erp-batch\",network=\"loopback\",allowed=\"true\"} 1"
expect "pg_tls_unencrypted_connections{$of_orders,user=\"reporting\",client_addr=\"127.0.7.7\",application_name=\"psql\",network=\"loopback\",allowed=\"false\"} 1"
expect 'pg_tls_unencrypted_connections_by_network{server="orders",network="loopback",allowed="true"} 2'
expect 'pg_tls_unencrypted_connections_by_network{server="orders",network="loopback",allowed="false"} 1'
expect 'pg_tls_unencrypted_connections_by_network{server="billing",network="loopback",allowed="false"} 0'
expect_none 'pg_tls_unencrypted_connections{server="billing"'
expect_none 'user="tls_exporter"'
expect 'pg_tls_served_certificate_matches_file{server="orders"} 0'
expect 'pg_tls_served_certificate_matches_file{server="billing"} 1'
for check in chain hostname; do expect "pg_tls_certificate_verified{server=\"orders\",check=\"$check\"} 1"; done
expect 'pg_tls_sslmode_connects{server="orders",sslmode="disable"} 0'
for mode in allow prefer require verify-ca verify-full; do
  expect "pg_tls_sslmode_connects{server=\"orders\",sslmode=\"$mode\"} 1"
  expect "pg_tls_sslmode_encrypted{server=\"orders\",sslmode=\"$mode\"} 1"
done
expect 'pg_tls_plaintext_accepted{server="orders"} 0'
expect 'pg_tls_hba_plaintext_admitted{server="orders",network="loopback"} 1'
expect 'pg_tls_hba_plaintext_admitted{server="orders",network="remote"} 0'
# days_left SERVER: of the certificate that it serves
days_left() {
  local end
  end=$(sed -n "s/^pg_tls_certificate_not_after_timestamp_seconds{server=\"$1\",source=\"served\",role=\"server\",path=\"\",position=\"0\".* //p" "$run/page")
  echo $(((${end%.*} - $(date +%s)) / 86400))
}
[[ $(days_left billing) == 8 && $(days_left orders) == 364 ]] || {
  echo "days left: billing $(days_left billing), orders $(days_left orders)"
  failures=$((failures + 1))
}
((failures == 0)) || die "$failures series are not what the clients make true; the page has: $(grep -v '^#' "$run/page")"
say "The page says what the clients are."
