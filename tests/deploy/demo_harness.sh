# Sourced by the demo's tests: its folder, and what must be true of every way in which it ends.
# shellcheck shell=bash disable=SC2034  # the tests use these

dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
fail() {
  echo "FAILED: $*" >&2
  cat "$dir/out" >&2
  exit 1
}
mkdir -m 1777 "$dir/parent"
export PGTLS_DEMO_PARENT=$dir/parent
nothing_left() { [[ -z $(ls -A "$dir/parent") ]] || fail "left behind: $(ls -A "$dir/parent")"; }

# start_demo TENTHS [OPTION…]: until it says that Ctrl-C ends it. Not within so many tenths of a second is a failure.
start_demo() {
  local tenths=$1 i=0
  shift
  # Ctrl-C reaches the whole foreground process group. (A background job ignores it unless told otherwise.)
  setsid env --default-signal=INT deploy/demo.sh "$@" >"$dir/out" 2>&1 &
  demo=$!
  until grep -q 'Ctrl-C ends everything' "$dir/out"; do
    kill -0 "$demo" 2>/dev/null || fail "the demo ended by itself"
    if ((i++ >= tenths)); then
      # It may not have its process group yet.
      kill -- "-$demo" 2>/dev/null || kill "$demo"
      wait "$demo" || true
      fail "the demo was not there within $tenths tenths of a second"
    fi
    sleep 0.1
  done
}
# Ctrl-C ends it, and all that it started.
interrupt_demo() {
  local members member
  members=$(pgrep -g "$demo")
  kill -INT -- "-$demo"
  wait "$demo" && fail "Ctrl-C looks like success"
  for member in $members; do
    if kill -0 "$member" 2>/dev/null; then fail "process $member outlived Ctrl-C"; fi
  done
  nothing_left
}
