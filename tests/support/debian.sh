# shellcheck shell=bash
# Sourced by what brings programs or whole systems of other Debian suites: $cache, where they are kept, and $mirror.
if [[ $(id -u) == 0 ]]; then
  cache=${PGTLS_CACHE:-/var/cache/pg_tls_exporter}
else
  cache=${PGTLS_CACHE:-$HOME/.cache/pg_tls_exporter}
fi
mkdir -p "$cache"
chmod 755 "$cache"

# From where this machine has its own packages.
# shellcheck disable=SC2016  # apt-get's own variables
mirror=$(. /etc/os-release && apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
  awk -v suite="$VERSION_CODENAME" '$2 == suite {print $1; exit}')
# shellcheck disable=SC2034  # for those who source this
mirror=${mirror:-http://deb.debian.org/debian}
