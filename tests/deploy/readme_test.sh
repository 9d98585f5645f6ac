#!/bin/bash
# The README says what is so: its tables are the catalogue and the alerts of the rules, its configuration is one that the program
# takes, its files exist, and its options are options.
#   PGTLS_EXPORTER  the executable under test
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

"$PGTLS_EXPORTER" metrics --markdown >"$dir/catalogue"
sed -n '/^<!-- metrics:begin -->$/,/^<!-- metrics:end -->$/p' README.md | sed '1d;$d' >"$dir/table"
diff "$dir/catalogue" "$dir/table" || fail "the table of metrics is not what 'metrics --markdown' prints"

deploy/prometheus/alerts-table.sh >"$dir/alerts"
sed -n '/^<!-- alerts:begin -->$/,/^<!-- alerts:end -->$/p' README.md | sed '1d;$d' >"$dir/table"
diff "$dir/alerts" "$dir/table" || fail "the table of alerts is not what deploy/prometheus/alerts-table.sh prints"
diff <(sed -n 's/^ *- alert: //p' deploy/prometheus/rules/*.yml | sort) <(sed -n '3,$s/^| \([^ ]*\) .*/\1/p' "$dir/alerts" | sort) ||
  fail "deploy/prometheus/alerts-table.sh does not print every alert"
! grep -q '{{' "$dir/alerts" || fail "a template is left in the table of alerts"

# The configuration under its heading, with the files that it names where they can be.
sed -n '/^## Configuration$/,/^| key /p' README.md | sed -n 's/^    //p' >"$dir/config.yml"
grep -q '^modules:' "$dir/config.yml" || fail "no configuration under ## Configuration"
touch "$dir/password"
sed -i "s#/run/secrets/[a-z]*#$dir/password#" "$dir/config.yml"
"$PGTLS_EXPORTER" config-check --config.file="$dir/config.yml" >/dev/null || fail "the configuration is refused"
# Every key of the table is one that the parser knows: an unknown one beside it is answered with the list of those.
for key in ipv4_prefix ipv6_prefix client_addr max_series enforcement_interval read_via files pkcs12_password_file; do
  grep -q "$key" README.md || fail "the README does not mention $key"
done

# Files and folders of the tree.
grep -oP '(?<![/\w])(deploy|tests|grafana)/[A-Za-z0-9_./-]+[A-Za-z0-9_]' README.md | sort -u | while read -r path; do
  [[ -e $path ]] || fail "no $path in the tree"
done

# Options, of the program or of a script.
{ for command in '' collect check explain metrics config-check; do "$PGTLS_EXPORTER" $command --help; done; cat deploy/demo.sh; } >"$dir/help"
sed -n '/^## From plaintext/q;p' README.md | grep -oE '(^|[ `'"'"'])--[a-z][a-z.-]*[a-z]' | grep -oE -- '--[a-z.-]+' | sort -u | while read -r option; do
  case $option in --preset | --build) continue ;; esac
  grep -qF -- "$option" "$dir/help" || fail "no option $option"
done
