# Part of demo.sh: two throwaway PostgreSQL servers, a PgBouncer, and the certificates for them and for a client.
# shellcheck shell=bash disable=SC2154  # sourced: the parts share their variables

# issue NAME DAYS SUBJECT EXTENSION: $run/NAME.crt and .key, by the demo's authority. It lasts a year, of which so many days are left.
issue() {
  touch "$run/index.txt"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$run/$1.key" -out "$run/$1.csr" \
    -subj "$3" 2>/dev/null
  openssl ca -batch -notext -in "$run/$1.csr" -cert "$run/ca.crt" -keyfile "$run/ca.key" -out "$run/$1.crt" -md sha256 \
    -startdate "$(date -u -d "$(($2 - 365)) days" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$2 days" +%Y%m%d%H%M%SZ)" \
    -config <(echo "[ca]
default_ca = demo
[demo]
database = $run/index.txt
new_certs_dir = $run
unique_subject = no
rand_serial = yes
policy = names
[names]
commonName = supplied") -extfile <(echo "$4") 2>/dev/null
}
make_certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$run/ca.key" -out "$run/ca.crt" \
    -days 3650 -subj '/CN=Demo CA' 2>/dev/null
  names='subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1'
  issue orders 365 /CN=localhost "$names"
  issue billing 9 /CN=localhost "$names"
  issue pool 365 /CN=localhost "$names"
  issue partner 365 /CN=partner 'extendedKeyUsage = clientAuth'
}

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

owner=
if [[ $(id -u) == 0 ]]; then owner=postgres; fi
# install_certificate NAME DIRECTORY
install_certificate() {
  install -m 600 ${owner:+-o $owner} "$run/$1.key" "$2/server.key"
  install -m 644 ${owner:+-o $owner} "$run/$1.crt" "$2/server.crt"
}
is_a_second_old() { [[ -z $(find "$1" -newermt '-1 second') ]]; }
# start_server NAME: listens on $port_of[NAME], with the socket in its own directory
declare -A port_of
start_server() {
  local name=$1 data=$run/$1/data
  # The newest one that is installed.
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
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
  if [[ $name == orders && -n $remote_address ]]; then
    cat >>"$data/pg_hba.conf" <<END
# … and the one for a job on another host.
host    shop warehouse     $remote_address/32 scram-sha-256
END
  fi
  data_directories+=("$data")
  # Rules that are changed in the second of their load may have been changed after it: what is in force would be unknown.
  wait_for 10 "a second after pg_hba.conf" is_a_second_old "$data/pg_hba.conf"
  as_server "$bin/pg_ctl" start -D "$data" -l "$run/$name/log" -w -s
  sql "$name" postgres -f - <deploy/sql/monitoring_role.sql
  sql "$name" postgres -f - <<END
CREATE DATABASE shop;
ALTER ROLE tls_exporter PASSWORD 'demo';
CREATE ROLE app LOGIN PASSWORD 'demo';
CREATE ROLE erp LOGIN PASSWORD 'demo';
CREATE ROLE reporting LOGIN PASSWORD 'demo';
CREATE ROLE warehouse LOGIN PASSWORD 'demo';
CREATE ROLE partner LOGIN;
END
}
# sql SERVER DATABASE ARGUMENT…: psql as the superuser
sql() {
  local name=$1 database=$2
  shift 2
  as_server env PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -h "$run/$name" -p "${port_of[$name]}" -U "$server_user" -d "$database" "$@"
}
# start_pooler: a PgBouncer in front of orders, which verifies that server and does not require TLS of its own clients
start_pooler() {
  local directory=$run/pool
  port_of[pool]=$(free_port 16432)
  mkdir "$directory"
  [[ $(id -u) != 0 ]] || chown postgres "$directory"
  install_certificate pool "$directory"
  cat >"$directory/users" <<END
"app" "demo"
"tls_exporter" "demo"
END
  # An address: of a name PgBouncer tries one only, and c-ares takes localhost for ::1, on which the server may not listen.
  cat >"$directory/pgbouncer.ini" <<END
[databases]
shop = host=127.0.0.1 port=${port_of[orders]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port_of[pool]}
unix_socket_dir = $directory
pidfile = $directory/pid
logfile = $directory/log
auth_type = scram-sha-256
auth_file = $directory/users
stats_users = tls_exporter
client_tls_sslmode = allow
client_tls_cert_file = $directory/server.crt
client_tls_key_file = $directory/server.key
client_tls_ca_file = $run/ca.crt
server_tls_sslmode = verify-full
server_tls_ca_file = $run/ca.crt
END
  as_server /usr/sbin/pgbouncer -q -d "$directory/pgbouncer.ini" 9>&-
  wait_for 10 "PgBouncer ($directory/log)" test -S "$directory/.s.PGSQL.${port_of[pool]}"
}
