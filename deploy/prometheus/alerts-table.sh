#!/bin/sh
# The alerts of rules/ as the table in docs/alerts.md: name, severity, how long the trouble lasts before it fires, and its summary.
set -eu
cd "$(dirname "$0")/rules"
echo '| alert | severity | after | meaning |'
echo '|---|---|---|---|'
# Who is connected first; what the exporter cannot see last.
cat sessions.yml log.yml links.yml certificates.yml endpoint.yml settings.yml hba.yml health.yml | awk '
  $1 == "-" && $2 == "alert:" { alert = $3 }
  $1 == "for:" { after = $2 == "0s" ? "at once" : $2 }
  $1 == "labels:" { severity = $0; sub(/.*severity: /, "", severity); sub(/}.*/, "", severity) }
  $1 == "summary:" {
    text = $0
    sub(/^ *summary: */, "", text)
    gsub(/^\047|\047$/, "", text)
    sub(/^{{ \$labels\.(server|instance) }}: /, "", text)
    while (match(text, /{{ \$labels\.[a-z_]+ }}/)) {
      label = substr(text, RSTART + 11, RLENGTH - 14)
      text = substr(text, 1, RSTART - 1) "*" label "*" substr(text, RSTART + RLENGTH)
    }
    gsub(/{{ \$value \| humanizeDuration }}/, "*time*", text)
    print "| " alert " | " severity " | " after " | " text " |"
  }'
