# shellcheck shell=bash
# Sourced by what brings programs or whole systems of other Debian suites: $cache, where they are kept, and debian_mirror.
if [[ $(id -u) == 0 ]]; then
  cache=${PGTLS_CACHE:-/var/cache/pg_tls_exporter}
else
  cache=${PGTLS_CACHE:-$HOME/.cache/pg_tls_exporter}
fi
mkdir -p "$cache"
chmod 755 "$cache"

# debian_mirror: from where this machine has its own packages. apt-get takes a second to tell it.
debian_mirror() {
  local own
  # shellcheck disable=SC2016  # apt-get's own variables
  own=$(. /etc/os-release && apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v suite="$VERSION_CODENAME" '$2 == suite {print $1; exit}')
  echo "${own:-http://deb.debian.org/debian}"
}
