#!/bin/bash
# What the package installs beside the program: systemd unit, man page, completion, default configuration.
# PGTLS_EXPORTER: the executable.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}

# The unit, as systemd reads it, with programs and pages that exist here.
unit=$work/pg_tls_exporter.service
sed "s#/usr/bin/pg_tls_exporter#$PGTLS_EXPORTER#; /^Documentation=/d" deploy/systemd/pg_tls_exporter.service >"$unit"
systemd-analyze verify --recursive-errors=no "$unit" 2>"$work/verify" || fail "systemd-analyze verify: $(cat "$work/verify")"
[[ ! -s $work/verify ]] || fail "systemd-analyze verify: $(cat "$work/verify")"
# In tenths: 1.5, where 10 is no protection at all.
systemd-analyze security --offline=yes --threshold=15 "$unit" >"$work/security" || fail "exposure: $(tail -n 1 "$work/security")"

# No option without its line in the man page and its completion, and none that does not exist.
options() { grep -oE -- '--[a-z][a-z._-]*' | sed -E 's/^--(no-)?collector\..*/--\1collector.NAME/' | sort -u; }
for command in '' config-check collect check explain metrics; do
  # shellcheck disable=SC2086  # no word when empty
  "$PGTLS_EXPORTER" $command --help
done | options >"$work/program"
warnings=$(groff -man -ww -z deploy/man/pg_tls_exporter.1 2>&1)
[[ -z $warnings ]] || fail "man page: $warnings"
sed 's/\\-/-/g; s/\\f.//g; s/collector. NAME/collector.NAME/' deploy/man/pg_tls_exporter.1 | grep -vE '^\.SH|^\.SS' | options >"$work/man"
diff "$work/program" "$work/man" >"$work/diff" || fail "options of the program (<) and the man page (>): $(cat "$work/diff")"

# shellcheck source=/dev/null
source deploy/completions/pg_tls_exporter
# complete WORD…: what completion offers for the last word
complete_words() {
  COMP_WORDS=(pg_tls_exporter "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _pg_tls_exporter
  printf '%s\n' "${COMPREPLY[@]}"
}
for command in '' config-check collect check explain metrics; do
  # shellcheck disable=SC2086
  complete_words $command --
done | options >"$work/completion"
diff "$work/program" "$work/completion" >"$work/diff" || fail "options of the program (<) and completion (>): $(cat "$work/diff")"
[[ $(complete_words exp) == explain ]] || fail 'completion of a command'
[[ $(complete_words explain --encryption = g) == gss ]] || fail 'completion of a value after ='
[[ $(complete_words check --format j) == json ]] || fail 'completion of a value'
[[ $(complete_words --config.file = "$work/progr") == "$work/program" ]] || fail 'completion of a file'

"$PGTLS_EXPORTER" config-check --config.file=deploy/debian/config.yml || fail 'the default configuration'

exit "$failed"
