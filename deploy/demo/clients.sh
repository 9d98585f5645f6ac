# Part of demo.sh: clients, psql sessions that sit idle until the script ends.
# shellcheck shell=bash disable=SC2154  # sourced: the parts share their variables

mkfifo "$run/silence"
exec 9<>"$run/silence"
# client SERVER CONNINFO
client() {
  PGPASSWORD=demo psql -X -q "dbname=shop host=localhost port=${port_of[$1]} sslrootcert=$run/ca.crt $2" \
    <"$run/silence" 9>&- >>"$run/clients.log" 2>&1 &
  children+=($!)
}
# plaintext_client SERVER ADDRESS CONNINFO: one without TLS that comes from this address, one of the machine's own
plaintext_client() {
  local relay=$run/from-$2
  mkdir "$relay"
  socat "UNIX-LISTEN:$relay/.s.PGSQL.${port_of[$1]}" "TCP:127.0.0.1:${port_of[$1]},bind=$2" 9>&- &
  children+=($!)
  wait_for 10 "the relay from $2" test -S "$relay/.s.PGSQL.${port_of[$1]}"
  client "$1" "host=$relay $3"
}

# Of PgBouncer, whose clients no server shows.
clients_of_pool() {
  PGPASSWORD=demo psql -X -Atq "host=$run/pool port=${port_of[pool]} dbname=pgbouncer user=tls_exporter" -c 'SHOW CLIENTS' | grep -c '|shop|'
}
# PgBouncer has one connection to orders: the first client needs it to log in.
all_connected() {
  [[ $(sql orders postgres -Atc "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'") == 8 &&
    $(sql billing postgres -Atc "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'") == 1 &&
    $(clients_of_pool) == 2 ]]
}
open_clients() {
  client orders 'user=app sslmode=verify-full ssl_min_protocol_version=TLSv1.3'
  client orders 'user=app sslmode=verify-full ssl_max_protocol_version=TLSv1.2'
  client orders "user=partner host=127.0.0.1 sslmode=verify-full sslcert=$run/partner.crt sslkey=$run/partner.key"
  client orders "user=app host=$run/orders"
  plaintext_client orders 127.0.2.10 'user=erp application_name=erp-batch'
  plaintext_client orders 127.0.2.11 'user=erp application_name=erp-batch'
  plaintext_client orders 127.0.7.7 'user=reporting'
  client billing 'user=app sslmode=verify-full'
  client pool 'user=app sslmode=verify-full'
  plaintext_client pool 127.0.5.5 'user=app application_name=cart'
  wait_for 30 "the clients to be connected ($run/clients.log)" all_connected
}
