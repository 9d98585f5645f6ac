# Part of demo.sh: words, waiting, and what must be gone at the end.
# shellcheck shell=bash disable=SC2154  # sourced: the parts share their variables

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() {
  echo "demo.sh: $*" >&2
  exit 1
}

run=$(mktemp -d "${PGTLS_DEMO_PARENT:-/tmp}/pg_tls_demo.XXXXXX")  # a short path: PostgreSQL makes sockets in it
children=()
data_directories=()
clean_up() {
  trap - EXIT INT TERM
  ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
  [[ ! -f $run/pool/pid ]] || kill -KILL "$(<"$run/pool/pid")" 2>/dev/null || true
  for data in "${data_directories[@]}"; do as_server "$bin/pg_ctl" stop -D "$data" -m immediate -s 2>/dev/null || true; done
  wait || true
  rm -rf "$run"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_for SECONDS WHAT COMMAND…
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || die "$what: not within the time"
    sleep 0.1
  done
}
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}
