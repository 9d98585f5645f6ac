# Sourced by the script tests that need a PostgreSQL 15 of their own: a folder $work, the server in $data, and both gone at the end.
# In a network of the test's own, where port 5432 is free.
# shellcheck shell=bash disable=SC2034  # the tests use these

bin=$(tests/support/fetch-postgres.sh 15)
work=$(mktemp -d)
data=$work/data
children=() # what the test started and must be gone
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
clean_up() {
  ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
  server stop -m immediate 2>/dev/null || true
  wait || true
  rm -rf "$work"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$work"/*.log >&2 || true
  exit 1
}

# make_server LISTEN DAYS SUBJECT [OPENSSL_OPTION…]: a cluster whose self-signed certificate lasts a year, of which so many days are left; `server start` starts it.
# It may not be in the way of anybody: the socket is in its folder, durability is off.
make_server() {
  local listen=$1 days=$2 subject=$3
  shift 3
  chown postgres: "$work"
  chmod 755 "$work"
  as_postgres "$bin/initdb" -D "$data" -A trust >/dev/null
  as_postgres openssl req -newkey rsa:2048 -nodes -subj "$subject" "$@" -keyout "$data/server.key" -out "$data/server.csr" 2>/dev/null
  printf '%s\n' '[ca]' 'default_ca = self' '[self]' "database = $data/server.index" "new_certs_dir = $data" 'policy = any' 'rand_serial = yes' 'copy_extensions = copy' \
    '[any]' 'organizationName = optional' 'commonName = optional' | as_postgres tee "$data/server.cnf" >/dev/null
  as_postgres touch "$data/server.index"
  as_postgres openssl ca -batch -notext -selfsign -config "$data/server.cnf" -in "$data/server.csr" -keyfile "$data/server.key" \
    -out "$data/server.crt" -md sha256 -startdate "$(date -u -d "$((days - 365)) days" +%Y%m%d%H%M%SZ)" \
    -enddate "$(date -u -d "$days days" +%Y%m%d%H%M%SZ)" 2>/dev/null
  as_postgres tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '$listen'
unix_socket_directories = '$work'
ssl = on
fsync = off
CONF
}
# Rules that are changed in the second of their load may have been changed after it: what is in force would be unknown.
let_a_second_pass() {
  until [[ -z $(find "$data/pg_hba.conf" -newermt '-1 second') ]]; do sleep 0.05; done
}
server() {
  [[ $1 == stop ]] || let_a_second_pass
  as_postgres "$bin/pg_ctl" "$@" -D "$data" -s -w -l "$work/postgres.log"
}
create_monitoring_role() {
  PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -h "$work" -U postgres -f deploy/sql/monitoring_role.sql
}
