#!/bin/bash
# README.md and docs/ agree with the program: their tables are the catalogue of metrics and the alerts of the rules, their configuration is
# accepted, the keys, options, commands and exit codes are the program's, and links, files and names exist.
#   PGTLS_EXPORTER  the executable under test
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# ---- Links

tests/deploy/links.py . docs/*.md || fail 'links (above)'

# All pages as one.
cat README.md docs/*.md >"$dir/pages"

# ---- The tables of metrics and alerts

"$PGTLS_EXPORTER" metrics --markdown >"$dir/catalogue"
sed -n '/^<!-- metrics:begin -->$/,/^<!-- metrics:end -->$/p' docs/metrics.md | sed '1d;$d' >"$dir/table"
diff "$dir/catalogue" "$dir/table" || fail "the table of metrics is not what 'metrics --markdown' prints"

deploy/prometheus/alerts-table.sh >"$dir/alerts"
sed -n '/^<!-- alerts:begin -->$/,/^<!-- alerts:end -->$/p' docs/alerts.md | sed '1d;$d' >"$dir/table"
diff "$dir/alerts" "$dir/table" || fail "the table of alerts is not what deploy/prometheus/alerts-table.sh prints"
diff <(sed -n 's/^ *- alert: //p' deploy/prometheus/rules/*.yml | sort) <(sed -n '3,$s/^| \([^ ]*\) .*/\1/p' "$dir/alerts" | sort) ||
  fail "deploy/prometheus/alerts-table.sh does not print every alert"
! grep -q '{{' "$dir/alerts" || fail "a template is left in the table of alerts"

# ---- The configuration, with the files that it names where they can be

sed -n '/^## The file$/,/^| key /p' docs/configuration.md | sed -n 's/^    //p' >"$dir/config.yml"
grep -q '^modules:' "$dir/config.yml" || fail "no configuration under ## The file"
touch "$dir/password"
sed -i "s#/run/secrets/[a-z]*#$dir/password#" "$dir/config.yml"
"$PGTLS_EXPORTER" config-check --config.file="$dir/config.yml" >/dev/null || fail "the configuration is refused"

# ---- Keys: the tables have those that the parser knows, all of them and no other

# keys COMMAND… : what the parser knows where this document (standard input) has the key `unknown`, each after $prefix. It says so
# itself, in its complaint.
keys() {
  cat >"$dir/unknown.yml"
  { "$PGTLS_EXPORTER" "$@" "$dir/unknown.yml" 2>&1 || true; } |
    sed -n "s/.*unknown key 'unknown'; known are: //p" | tr -d ' ' | tr ',' '\n' | sed "s/^/${prefix-}/"
}
config_keys() { keys config-check --config.file <<<"$1"; }
web_keys() { keys --dsn='host=127.0.0.1 port=1' --web.listen-address=127.0.0.1:0 --web.config.file <<<"$1"; }
# compare NAME: $dir/known against the first column of the table after the heading of that column
# shellcheck disable=SC2016  # backticks of Markdown
compare() {
  sed -n "/^| $1 |/,/^\$/p" docs/configuration.md | sed '1,2d' | cut -d'|' -f2 | grep -oE '`[^`]+`' | tr -d '`' | sort >"$dir/table"
  sort -u "$dir/known" >"$dir/known.sorted"
  (($(wc -l <"$dir/table") > 10)) || fail "no table of '$1'"
  diff "$dir/known.sorted" "$dir/table" || fail "keys of the parser (<) and of the table of '$1' (>)"
}

for section in $(config_keys 'unknown: 1'); do
  case $section in
    servers) prefix='servers[].' config_keys 'servers: [{unknown: 1}]' ;;
    collectors)
      for name in $(config_keys 'collectors: {unknown: 1}'); do
        prefix="collectors.$name." config_keys "collectors: {$name: {unknown: 1}}"
      done | sed -E 's/^collectors\.[a-z]+\.(enabled|interval|timeout)$/collectors.NAME.\1/' |
        grep -vE '^collectors\.certificates\.client_(inventory|certificates)$'
      for name in client_inventory client_certificates; do
        prefix="collectors.certificates.$name." config_keys "collectors: {certificates: {$name: {unknown: 1}}}"
      done
      ;;
    policy)
      prefix='policy.' config_keys 'policy: {unknown: 1}' | grep -vxE 'policy\.(allow_unencrypted|require)'
      prefix='policy.allow_unencrypted[].' config_keys 'policy: {allow_unencrypted: [{unknown: 1}]}'
      prefix='policy.require[].' config_keys 'policy: {require: [{unknown: 1}]}'
      ;;
    roots) echo 'roots.NAME' ;;
    modules) prefix='modules.NAME.' config_keys 'modules: {m: {unknown: 1}}' ;;
    *) fail "the section $section is not looked at here" ;;
  esac
done >"$dir/known"
compare key

for section in $(web_keys 'unknown: 1'); do
  case $section in
    tls_server_config | rate_limit) prefix="$section." web_keys "$section: {unknown: 1}" ;;
    http_server_config)
      prefix="$section." web_keys "$section: {unknown: 1}" | grep -v '\.headers$'
      prefix="$section.headers." web_keys "$section: {headers: {unknown: 1}}"
      ;;
    basic_auth_users) echo "$section.NAME" ;;
    *) fail "the section $section is not looked at here" ;;
  esac
done >"$dir/known"
compare 'web key'

# ---- The web configuration, with the files that it names

sed -n '/^## TLS and users of the exporter$/,/^| web key /p' docs/configuration.md | sed -n 's/^    //p' >"$dir/web.yml"
grep -q '^tls_server_config:' "$dir/web.yml" || fail "no web configuration under ## TLS and users of the exporter"
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$dir/$1.key" -out "$dir/$1.crt" 2>/dev/null
}
certificate server
certificate prometheus-ca
# The password is `secret`.
# shellcheck disable=SC2016  # dollars of a hash
sed -i 's#\$2y\$10\$…#$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW#' "$dir/web.yml"
"$PGTLS_EXPORTER" --dsn='host=127.0.0.1 port=1' --web.listen-address=127.0.0.1:0 --web.config.file="$dir/web.yml" 2>"$dir/log" &
exporter=$!
trap 'kill "$exporter" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
deadline=$((SECONDS + 240))
until address=$(grep -oP 'msg="?listening"? address=\K\S+' "$dir/log"); do
  if ((SECONDS >= deadline)) || ! kill -0 "$exporter"; then fail "the web configuration is refused: $(cat "$dir/log")"; fi
done
# status CURL-OPTION…: of an answer
status() { curl -s -o "$dir/answer" -w '%{http_code}' --cacert "$dir/server.crt" "$@" "https://$address/metrics" || true; }
own=(--cert "$dir/prometheus-ca.crt" --key "$dir/prometheus-ca.key")
[[ $(status "${own[@]}" -u prometheus:secret) == 200 ]] || fail "not by the web configuration: $(cat "$dir/log")"
[[ $(status "${own[@]}" -u prometheus:wrong) == 401 ]] || fail 'another password is taken'
[[ $(status -u prometheus:secret) == 000 ]] || fail 'nobody needs a client certificate'

# ---- The command line: each command's options are those that the table gives it, and its exit codes are in its row

# of COMMAND: the options of the table's rows that are about it
of() {
  sed -n '/^| option |/,/^$/p' docs/command-line.md | sed '1,2d' |
    awk -F'|' -v name="$1" '$3 ~ "every command" || $3 ~ "(^|[ `])" name "([` ,]|$)" {print $2}' | grep -oE -- '--[a-z][a-zA-Z._-]*' | sort
}
for command in serving config-check collect check explain report metrics; do
  # Not those of the footer. No word where nothing is served by a command.
  "$PGTLS_EXPORTER" ${command/serving/} --help | grep -oE -- '^ +(-h,)?--[a-z][a-z._-]*' | grep -oE -- '--.*' |
    sed -E 's/^--(no-)?collector\..*/--\1collector.NAME/' | sort -u >"$dir/help"
  diff "$dir/help" <(of $command) || fail "options of $command (<) and of the table (>)"
done
# exits CODE COMMAND ARGUMENT…: and the table has the code
exits() {
  local code=0
  "$PGTLS_EXPORTER" "${@:2}" >/dev/null 2>&1 || code=$?
  [[ $code == "$1" ]] || fail "exit code $code, not $1: ${*:2}"
  sed -n '/^| command |/,/^$/p' docs/command-line.md | grep "^| \`$2\`" | cut -d'|' -f4 | grep -qw "$1" || fail "the exit code $1 is not in the row of $2"
}
nobody=--dsn='host=127.0.0.1 port=1'
exits 0 config-check --config.file="$dir/config.yml"
exits 2 config-check --config.file="$dir/web.yml"
exits 1 collect "$nobody"
exits 2 collect --config.file="$dir/web.yml"
exits 3 check "$nobody"
exits 2 check --config.file="$dir/web.yml"
exits 2 explain "$nobody" --user=u --database=d
exits 2 report --prometheus.url=http://127.0.0.1:1 --since=1h
exits 0 metrics
sed -n '/^| command |/,/^$/p' docs/command-line.md | grep -oP '^\| `\K[a-z-]+' | sort >"$dir/table"
"$PGTLS_EXPORTER" --help | sed -n '/^Subcommands:/,/^$/p' | grep -oP '^  \K[a-z-]+' | sort | diff - "$dir/table" || fail "commands (<) and the table (>)"

# ---- Names

# Metrics, in the text too.
grep -oE '\bpg_tls_[a-z_]+[a-z]' "$dir/pages" | sort -u | grep -vxE 'pg_tls_(exporter|rules)' >"$dir/named"
"$PGTLS_EXPORTER" metrics | cut -f1 | sort >"$dir/metrics"
[[ -z $(comm -23 "$dir/named" "$dir/metrics") ]] || fail "no such metrics: $(comm -23 "$dir/named" "$dir/metrics")"

# Files and folders of the tree.
grep -oP '(?<![/\w])(deploy|tests|grafana)/[A-Za-z0-9_./-]+[A-Za-z0-9_]' "$dir/pages" | sort -u | while read -r path; do
  [[ -e $path ]] || fail "no $path in the tree"
done

# Options, of the program or of a script.
{ for command in '' collect check explain report metrics config-check; do "$PGTLS_EXPORTER" $command --help; done; cat deploy/demo.sh; } >"$dir/help"
grep -oE '(^|[ `'"'"'])--[a-z][a-z.-]*[a-z]' "$dir/pages" | grep -oE -- '--[a-z.-]+' | sort -u | while read -r option; do
  case $option in --preset | --build) continue ;; esac
  grep -qF -- "$option" "$dir/help" || fail "no option $option"
done
