# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what is set here is used elsewhere, and the reverse
# The programs that a measurement needs: ours, built for release, psql itself, and Python.
# Sourced, never run, after scripts/machine.sh.

need_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "Python 3.10 or newer is needed as python3: install it with the package manager"
}

# Sets PROGRAM.
build() {
  say "building the release program"
  # A relative CARGO_TARGET_DIR means the caller's directory, so cargo is not sent elsewhere.
  cargo build --release --locked --manifest-path "$root/Cargo.toml" >&2
  PROGRAM=$(cd -- "${CARGO_TARGET_DIR:-$root/target}/release" && pwd)/driftgate
  export PROGRAM
}

# Sets PSQL. Debian's psql on PATH is a Perl script that looks for the real one, which takes
# longer than the connection.
find_psql() {
  local dir
  while read -r dir; do
    if [ -x "$dir/psql" ]; then
      PSQL=$dir/psql
      return
    fi
  done < <(
    echo "$DRIFTGATE_PG_BIN"
    if has pg_config; then pg_config --bindir; fi
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5 -rn
    if has psql && [ "$(head -c 2 "$(command -v psql)")" != '#!' ]; then dirname "$(command -v psql)"; fi
  )
  die "psql is needed and there is none here: install it (Debian: apt-get install postgresql-client)"
}
