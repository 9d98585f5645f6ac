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

# The units, as systemd reads them, with programs and pages that exist here.
for unit in deploy/systemd/*; do
  sed "s#/usr/bin/pg_tls_exporter#$PGTLS_EXPORTER#; /^Documentation=/d" "$unit" >"$work/${unit##*/}"
done
for unit in "$work"/*.service "$work"/*.timer; do
  systemd-analyze verify --recursive-errors=no "$unit" >"$work/verify" 2>&1 || fail "systemd-analyze verify: $(cat "$work/verify")"
  [[ ! -s $work/verify ]] || fail "systemd-analyze verify: $(cat "$work/verify")"
done
# In tenths: 1.5, where 10 is no protection at all.
for unit in "$work"/*.service; do
  systemd-analyze security --offline=yes --threshold=15 "$unit" >"$work/security" || fail "exposure: $(tail -n 1 "$work/security")"
done

# What time can cure is tried again for as long as it takes; a mistake is not.
# exit_code ARGUMENT…: of a service that cannot start
exit_code() {
  local code=0
  timeout --foreground 60 "$PGTLS_EXPORTER" "$@" 2>"$work/start" || code=$?
  [[ $(wc -l <"$work/start") -ge 1 ]] || fail "no word: $*"
  echo "$code"
}
service=deploy/systemd/pg_tls_exporter.service
prevented=$(sed -n 's/^RestartPreventExitStatus=//p' $service)
grep -qx 'Restart=on-failure' $service || fail 'the unit does not restart'
grep -qx 'StartLimitIntervalSec=0' $service || fail 'the unit gives up after a few starts'
echo 'servers: [{name: a, conninfo: host=127.0.0.1 port=1, password_file: /nonexistent}]' >"$work/late.yml"
echo 'tls_server_config: {cert_file: late.crt, key_file: late.key}' >"$work/web.yml"
for arguments in --web.listen-address=192.0.2.1:0 --web.listen-address=nosuchhost.invalid:0 \
  --web.config.file=/nonexistent/web.yml "--web.config.file=$work/web.yml"; do
  [[ $(exit_code "--config.file=$work/late.yml" --web.listen-address=127.0.0.1:0 "$arguments") == 1 ]] || fail "not tried again: $arguments"
done
[[ $(exit_code --config.file=/nonexistent/config.yml) == 1 ]] || fail 'not tried again: a configuration that is not there yet'
echo 'servers: [' >"$work/bad.yml"
[[ $(exit_code "--config.file=$work/bad.yml") == 2 && " $prevented " == *' 2 '* ]] || fail 'a mistake is tried again'
[[ " $prevented " != *' 1 '* ]] || fail 'what time can cure is not tried again'

# No option without its line in the man page and its completion, and none that does not exist.
options() { grep -oE -- '--[a-z][a-z._-]*' | sed -E 's/^--(no-)?collector\..*/--\1collector.NAME/' | sort -u; }
for command in '' config-check collect check explain report metrics; do
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
for command in '' config-check collect check explain report metrics; do
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
