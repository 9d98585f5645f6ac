#!/bin/bash
# `report` asks a real Prometheus with a known history (report_history.py): what each story proves, where the gaps are and why, and the
# exit codes; the page in a browser. Then over TLS with a password, with a client certificate, and with a token.
# PGTLS_EXPORTER: the executable. In a network of its own, where every port is free.
set -euo pipefail
: "${PGTLS_EXPORTER:?}"
cd "$(dirname "$0")/../.."
if [[ ${1:-} != inside ]]; then
  tests/deploy/npm.sh
  exec unshare --net "$0" inside
fi
ip link set lo up

work=$(mktemp -d)
children=()
clean_up() {
  ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
  wait || true
  rm -rf "$work"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$work"/*.log "$work/out" "$work/err" >&2 || true
  exit 1
}

# ---- The Prometheus

now=$(date +%s)
tests/deploy/report_history.py "$now" >"$work/history"
promtool tsdb create-blocks-from openmetrics "$work/history" "$work/tsdb" >"$work/blocks.log" || fail 'the history is refused'
rm "$work/history"
echo 'global: {}' >"$work/prometheus.yml"
# start_prometheus OPTION…: on port 9090, as the one that runs
start_prometheus() {
  if ((${#children[@]} > 0)); then
    kill "${children[@]}"
    wait "${children[@]}" || true
  fi
  rm -f "$work/prometheus.log"  # the one before was ready, too
  prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --storage.tsdb.retention.time=1y \
    --web.listen-address=127.0.0.1:9090 "$@" 2>"$work/prometheus.log" &
  children=($!)
  local deadline=$((SECONDS + 240))
  until grep -qs 'Server is ready' "$work/prometheus.log"; do
    if ((SECONDS >= deadline)) || ! kill -0 "${children[0]}" 2>/dev/null; then fail 'Prometheus does not start'; fi
    sleep 0.1
  done
}
start_prometheus

# ---- What each story proves

url=http://127.0.0.1:9090
# report CODE OPTION…: the document in $work/out
report() {
  local code=0
  "$PGTLS_EXPORTER" report --prometheus.url="$url" "${@:2}" >"$work/out" 2>"$work/err" || code=$?
  [[ $code == "$1" ]] || fail "exit code $code, not $1: report ${*:2}"
}
# holds EXPRESSION…: in Python, of the document `d` and its only server `s`; `ago(HOURS)` is a time of the stories
holds() {
  python3 - "$work/out" "$now" "$@" <<'PYTHON' || fail "not so: $*"
import datetime, json, os, sys
import jsonschema
d = json.load(open(sys.argv[1]))
jsonschema.validate(d, json.load(open("exporter/evidence/report.schema.json")))
s = d["servers"][0]
at = lambda text: datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
ago = lambda hours: int(sys.argv[2]) - int(hours * 3600)
gap = lambda: [s["gaps"][0], len(s["gaps"]) == 1 or sys.exit(f"gaps: {s['gaps']}")][0]
# From twelve seconds before the last good sample to the collection of the next one.
between = lambda begin, end: ago(begin) - 72 <= at(gap()["begin"]) <= ago(begin) - 12 and ago(end) - 2 <= at(gap()["end"]) <= ago(end) + 58
why = lambda: [reason["why"] for reason in gap()["reasons"]]
count = lambda rows, network, allowed: [row["sessions"] for row in rows if (row["network"], row["allowed"]) == (network, allowed)]
clients = lambda: [(one["source"], one["user"], one["client_addr"], one["allowed"]) for one in s["unencrypted_clients"]]
used = lambda exemption: [(one["database"], one["user"], one["client_addr"], one["most"]) for one in exemption["used_by"]]
e = s["exporters"][0] if s["exporters"] else None
for expression in sys.argv[3:]:
    if not eval(expression):
        print("not so:", expression, json.dumps({key: value for key, value in s.items() if key != "queries"}, indent=1), file=sys.stderr)
        sys.exit(1)
PYTHON
}
# story CODE VERDICT SERVER EXPRESSION…
story() {
  report "$1" --since=6h --format=json --server="$3"
  story=$3 holds "s['server'] == os.environ['story'] and s['verdict'] == '$2' and d['exit_code'] == $1" "${@:4}"
}

story 0 proven proven 's["gaps"] == [] and s["not_proven_seconds"] == 0 and s["resolution_seconds"] == 60' \
  '364 <= e["established"] <= 367' 'e["missed"] == 0 and e["logged"] is None' \
  'clients() == [] and len(s["certificates"]) == 1 and s["certificates"][0]["not_after"]' 'at(s["certificates"][0]["not_before"]) == ago(2400) and at(s["certificates"][0]["not_after"]) == ago(-2400)'
story 3 not_proven gap 'between(3, 2.5) and why() == ["no_samples"]' 'abs(s["not_proven_seconds"] - 1870) <= 60'
story 3 not_proven exporter_down 'between(3, 2.5) and why() == ["exporter_down"]' 'gap()["reasons"][0]["instance"] == "exporter_down:9743"'
story 3 not_proven server_down 'between(3, 2.5) and why() == ["server_down"]'
story 3 not_proven one_failure 'gap()["seconds"] in (130, 190) and why() == ["sessions_failed"] and gap()["reasons"][0]["reason"] == "timeout"'
story 3 not_proven stale 'between(3, 2.5) and why() == ["sessions_stale"]'
# A series of the history has no end before Prometheus' lookback is over.
story 3 not_proven incomplete 'any(between(3, 2.5 - minutes / 60) for minutes in (4, 5)) and why() == ["sessions_incomplete"] and gap()["reasons"][0]["part"] == "encryption"'
story 0 proven policy
story 3 not_proven late 'at(gap()["begin"]) == at(d["period"]["begin"]) and ago(3) - 62 <= at(gap()["end"]) <= ago(3)' 'why() == ["no_samples"]'
story 3 not_proven nonesuch 'not s["known"] and s["observed_seconds"] == 0 and gap()["seconds"] == 6 * 3600'

story 0 proven allowed 'count(e["unencrypted"], "remote", "true") == [3] and count(e["unencrypted"], "remote", "false") == [0]' \
  'clients() == [("samples", "erp", "10.1.2.3", True)]' '[(one["exemption"], at(one["end"])) for one in s["exemptions"]] == [("legacy-erp", ago(-2400))]' \
  '[(one["exemption"], one["end"] and at(one["end"]), used(one)) for one in s["exemptions_in_force"]] == [("<b>\n", None, [("app", "<i>", "10.1.2.3", 4)]), ("endless", None, []), ("legacy-erp", ago(-2400), [("app", "erp", "10.1.2.3", 2)])]' \
  'all(at(one["first"]) == at(d["period"]["begin"]) and one["last"] == d["period"]["end"] for one in s["exemptions_in_force"])'
story 1 unencrypted unencrypted 'between(3, 2.5)' 'count(e["unencrypted"], "remote", "false") == [3]' 'clients() == [("samples", "bob", "192.0.2.7", False)]'
story 1 unencrypted open_before 's["gaps"] == [] and count(e["unencrypted"], "remote", "false") == [0]' 'clients() == [("samples", "bob", "192.0.2.7", False)]'
story 1 unencrypted nameless 's["gaps"] == [] and clients() == [] and count(e["unencrypted"], "remote", "false") == [0]'
# What was open when the period began is in the last sample before it.
glimpse=$(((now / 120 - 150) * 120))
# since SECONDS: the period that begins up to a minute more than that after the sample
since() { echo "$((($(date +%s) - 300 - glimpse - $1) / 60))m"; }
report 1 --since="$(since 30)" --format=json --server=glimpse
holds 's["verdict"] == "unencrypted" and count(e["unencrypted"], "remote", "false") == [0]'
report 0 --since="$(since 150)" --format=json --server=glimpse
# A series of the history has no end before Prometheus' lookback is over.
story 3 not_proven dropped 'why() == ["sessions_absent"] and ago(2.5) - 2 <= at(gap()["end"]) <= ago(2.5) + 58 and ago(3) - 12 < at(gap()["begin"]) <= ago(3) + 300'
story 3 not_proven ambiguous 'any(between(3, 2.5 - minutes / 60) for minutes in (4, 5)) and why() == ["exporter_ambiguous"]'
story 1 unencrypted restarted 'gap()["seconds"] == 70 and why() == ["exporter_restarted"]' 'count(e["unencrypted"], "remote", "false") == [2]' \
  '360 <= e["established"] <= 367'
story 3 not_proven readded 'gap()["seconds"] == 70 and why() == ["exporter_restarted"]'
story 3 not_proven reset 'gap()["seconds"] == 70 and why() == ["statistics_reset"] and e["losses"] == 1 and abs(at(gap()["end"]) - ago(3)) <= 62'
story 0 proven reset_before 'e["losses"] == 0'
story 3 not_proven dropped_database 'gap()["seconds"] == 70 and why() == ["database_dropped"] and e["losses"] == 1'
story 3 not_proven switchover 'gap()["seconds"] == 70 and why() == ["server_changed"] and e["losses"] == 0'
story 3 not_proven crash 'gap()["seconds"] == 70 and why() == ["server_restarted"] and e["losses"] == 0'
story 3 not_proven losses_dropped 's["observed_seconds"] == 0 and why() == ["sessions_absent"]'
story 3 not_proven sampled_dropped 's["observed_seconds"] == 0 and why() == ["sessions_absent"]'
story 3 not_proven fast_loss 'gap()["seconds"] == 70 and why() == ["statistics_reset"] and at(gap()["end"]) == ago(3) - ago(3) % 60'
story 3 not_proven rolling 'gap()["seconds"] == 5 and at(gap()["end"]) == ago(3) - ago(3) % 60'
story 1 unencrypted upgraded 'count(e["unencrypted"], "remote", "false") == [7]'
story 3 not_proven clock_ahead 'why() == ["clock_ahead"] and abs(gap()["seconds"] - 1870) <= 120'
story 3 not_proven older 's["observed_seconds"] == 0 and why() == ["sessions_absent"]' 'count(e["unencrypted"], "remote", "false") == [0]'
story 0 proven two 'len(s["exporters"]) == 2 and all(one["observed_seconds"] < s["observed_seconds"] for one in s["exporters"])'

story 3 not_proven missed 's["gaps"] == [] and e["missed"] == 4 and not e["knows_all"]'
story 0 proven logged 'e["missed"] == 4 and e["follows_log"] and e["logged"] >= e["established"]'
# The log has what the server's count lost, unless it is another server's.
story 0 proven logged_reset 's["gaps"] == [] and e["losses"] == 2 and e["missed"] == 0 and e["follows_log"]'
story 3 not_proven less_logged_reset 's["gaps"] == [] and e["losses"] == 1 and e["follows_log"] and not e["knows_all"]'
story 3 not_proven logged_crash 'gap()["seconds"] == 70 and why() == ["server_restarted"]'
story 3 not_proven logged_switchover 'gap()["seconds"] == 70 and why() == ["server_changed"]'
story 3 not_proven log_gap 'e["missed"] == 4 and not e["follows_log"]'
story 1 unencrypted logged_unencrypted 'count(e["logged_unencrypted"], "remote", "false") == [1]'
story 3 not_proven pooler 's["gaps"] == [] and e["established"] is None'
# shellcheck disable=SC1003  # a name that ends with a backslash
story 0 proven 'odd"name\'

report 3 --since=14h --format=json --server=paged
holds 'len(s["gaps"]) == 2 and [round((at(one["begin"]) - ago(0)) / 3600) for one in s["gaps"]] == [-12, -5] and s["resolution_seconds"] == 5'
holds 'all(370 <= one["seconds"] <= 415 for one in s["gaps"])'

# All servers; unencrypted sessions are worse than gaps. Two, both proven.
report 1 --since=6h --format=json
holds 'len(d["servers"]) == 42'
report 0 --since=6h --server=proven --server=allowed --server=proven
[[ $(grep -c ': proven$' "$work/out") == 2 ]] || fail 'not two servers'
report 3 --since=6h --server=proven --server=gap
grep -q 'Prometheus has no samples$' "$work/out" || fail 'no reason'
report 0 --since=6h --server=allowed
grep -q '^    endless, no end, in force .*: not used in samples$' "$work/out" || fail 'no unused exemption'
grep -q '^    legacy-erp, until ' "$work/out" || fail 'no exemption with an end'
grep -q '^      user erp, database app, from 10.1.2.3: 2 at most, ' "$work/out" || fail 'nobody used the exemption'
! grep -q former "$work/out" || fail 'an exemption that ended before the period'
report 1 --since=6h --server=unencrypted
grep -q 'user bob, database app, from 192.0.2.7 (remote, not allowed): 2 at most' "$work/out" || fail 'no client'
report 1 --since=6h --server=unencrypted --format=html
grep -q '^<!DOCTYPE html>' "$work/out" || fail 'no page'
report 1 --since=6h --format=html --server=proven --server=allowed --server=unencrypted --server=gap --server=two --server=logged --server=rolling
mv "$work/out" "$work/report.html"
REPORT="file://$work/report.html" node --test --test-reporter=spec tests/deploy/evidence_page.mjs >"$work/browser.log" 2>&1 || {
  cat "$work/browser.log" >&2
  fail 'the browser'
}
report 3 --since=6h --server=nonesuch
grep -q 'no samples of this server' "$work/out" || fail 'no words about a server that is not known'

# The exit codes that docs/command-line.md has are these.
# shellcheck disable=SC2016  # backticks of Markdown
for code in 0 1 2 3; do
  grep '^| `report`' docs/command-line.md | cut -d'|' -f4 | grep -qw "$code" || fail "the exit code $code is not documented"
done

# ---- What is no answer is exit code 2

refused() {
  report 2 "${@:2}"
  grep -q -- "$1" "$work/err" || fail "not '$1'"
  [[ ! -s $work/out ]] || fail 'a document all the same'
}
url=http://127.0.0.1:9091 refused 'connect' --since=6h
url=http://127.0.0.1:9090/prefix refused '404' --since=6h
url=http://auditor:hunter2@127.0.0.1:9090 refused 'http.config.file' --since=6h
! grep -q hunter2 "$work/err" || fail 'a password in an error'
refused 'no such file\|No such file' --since=6h --http.config.file="$work/nonesuch"
code=0
"$PGTLS_EXPORTER" report --prometheus.url="$url" --since=6h --server=proven >/dev/full 2>"$work/err" || code=$?
{ [[ $code == 2 ]] && grep -q 'No space left on device' "$work/err"; } || fail "exit code $code of a report that could not be written"
start_prometheus --query.max-samples=100
refused 'too many samples' --since=6h --server=proven

# ---- With TLS and a password

certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \
    -keyout "$work/$1.key" -out "$work/$1.crt" 2>/dev/null
}
certificate prometheus.example
certificate auditor
# shellcheck disable=SC2016  # dollars of a hash; the password is `secret`
hash='$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW'
cat >"$work/web.yml" <<WEB
tls_server_config: {cert_file: $work/prometheus.example.crt, key_file: $work/prometheus.example.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: $work/auditor.crt}
basic_auth_users: {auditor: $hash}
WEB
start_prometheus --web.config.file="$work/web.yml"
echo secret >"$work/password"
url=https://127.0.0.1:9090
tls="ca_file: $work/prometheus.example.crt, server_name: prometheus.example, cert_file: auditor.crt, key_file: auditor.key"
# with TEXT: the HTTP configuration
with() { printf '%s\n' "$@" >"$work/http.yml"; }
http=--http.config.file=$work/http.yml
with 'basic_auth: {username: auditor, password_file: password}' "tls_config: {$tls}"
report 0 --since=6h --server=proven "$http"
with 'basic_auth: {username: auditor, password: wrong}' "tls_config: {$tls}"
refused 401 --since=6h --server=proven "$http"
with "tls_config: {$tls}"
refused 401 --since=6h --server=proven "$http"
with 'basic_auth: {username: auditor, password_file: password}' "tls_config: {${tls/server_name: prometheus.example, /}}"
refused 'certificate\|SSL' --since=6h --server=proven "$http"
with 'basic_auth: {username: auditor, password_file: password}' "tls_config: {${tls/ca_file: $work\/prometheus.example.crt, /}}"
refused 'certificate\|SSL' --since=6h --server=proven "$http"
with 'basic_auth: {username: auditor, password_file: password}' 'tls_config: {insecure_skip_verify: true}'
refused 'certificate\|SSL' --since=6h --server=proven "$http"
with 'basic_auth: {username: auditor, password_file: password}' \
  'tls_config: {insecure_skip_verify: true, cert_file: auditor.crt, key_file: auditor.key}'
report 0 --since=6h --server=proven "$http"
with 'basic_auth: {username: auditor, pasword: secret}'
refused 'http.yml:1:' --since=6h "$http"

# ---- With a token: a proxy before Prometheus asks for it. One path redirects to it, where the token must not follow.

start_prometheus
cat >"$work/proxy.py" <<'PROXY'
import http.server, sys, urllib.request
class Proxy(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/moved/"):
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9092" + self.path.removeprefix("/moved"))
            self.end_headers()
            return
        status, answer = 401, b"who are you?"
        if self.headers["Authorization"] == "Bearer t0ken":
            request = urllib.request.Request("http://127.0.0.1:9090" + self.path, body, {"Content-Type": self.headers["Content-Type"]})
            status, answer = 200, urllib.request.urlopen(request).read()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *arguments):
        print(self.path, file=sys.stderr)
print("ready", file=sys.stderr, flush=True)
http.server.HTTPServer(("127.0.0.1", 9092), Proxy).serve_forever()
PROXY
python3 -u "$work/proxy.py" 2>"$work/proxy.log" &
children+=($!)
deadline=$((SECONDS + 240))
until grep -q ready "$work/proxy.log" && (exec 3<>/dev/tcp/127.0.0.1/9092) 2>/dev/null; do
  ((SECONDS < deadline)) || fail 'no proxy'
  sleep 0.1
done
echo t0ken >"$work/token"
url=http://127.0.0.1:9092
with 'bearer_token_file: token'
report 0 --since=6h --server=proven "$http"
with 'authorization: {credentials_file: token}'
report 0 --since=6h --server=proven "$http"
with 'authorization: {credentials: other}'
refused 401 --since=6h "$http"
with 'bearer_token_file: token'
url=http://127.0.0.1:9092/moved
refused 'redirects are not followed' --since=6h "$http"
echo 'Each story was told as it was.'
