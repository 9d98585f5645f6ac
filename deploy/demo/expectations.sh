# Part of demo.sh: what the exporter's page must say of the servers and clients of the demo.
# shellcheck shell=bash disable=SC2154  # sourced: the parts share their variables

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
# days_left SERVER: of the certificate that it serves
days_left() {
  local end
  end=$(sed -n "s/^pg_tls_certificate_not_after_timestamp_seconds{server=\"$1\",source=\"served\",role=\"server\",path=\"\",position=\"0\".* //p" "$run/page")
  echo $(((${end%.*} - $(date +%s)) / 86400))
}
check_page() {
  local check mode of_orders='server="orders",database="shop"' of_billing='server="billing",database="shop"' of_pool='server="pool",database="shop"' client_backend='backend_type="client backend"'
  expect 'pg_tls_up{server="orders"} 1'
  expect 'pg_tls_up{server="billing"} 1'
  expect "pg_tls_connections{$of_orders,user=\"app\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"tls\"} 3"
  expect "pg_tls_connections{$of_orders,user=\"app\",client_addr=\"\",network=\"local\",$client_backend,encryption=\"none\"} 1"
  expect "pg_tls_connections{$of_orders,user=\"partner\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"tls\"} 1"
  expect "pg_tls_connections{$of_orders,user=\"erp\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"none\"} 2"
  expect "pg_tls_connections{$of_orders,user=\"reporting\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"none\"} 1"
  expect "pg_tls_connections{$of_billing,user=\"app\",client_addr=\"\",network=\"loopback\",$client_backend,encryption=\"tls\"} 1"
  expect 'pg_tls_up{server="pool"} 1'
  expect "pg_tls_connections{$of_pool,user=\"app\",client_addr=\"\",network=\"loopback\",backend_type=\"pgbouncer client\",encryption=\"tls\"} 1"
  expect "pg_tls_unencrypted_connections{$of_pool,user=\"app\",client_addr=\"127.0.5.5\",application_name=\"cart\",network=\"loopback\",allowed=\"false\"} 1"
  expect 'pg_tls_setting_info{server="pool",name="server_tls_sslmode",value="verify-full"} 1'
  expect 'pg_tls_cipher_connections{server="orders",version="TLSv1.2",cipher="ECDHE-ECDSA-AES256-GCM-SHA384",bits="256"} 1'
  expect 'pg_tls_cipher_connections{server="orders",version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384",bits="256"} 3'
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
  expect "pg_tls_hba_plaintext_admitted{server=\"orders\",network=\"remote\"} $([[ -n $remote_address ]] && echo 1 || echo 0)"
  [[ $(days_left billing) == 8 && $(days_left orders) == 364 ]] || {
    echo "days left: billing $(days_left billing), orders $(days_left orders)"
    failures=$((failures + 1))
  }
  ((failures == 0)) || die "$failures series are not what the clients make true; the page has: $(grep -v '^#' "$run/page")"
  say "The page matches the clients."
}
