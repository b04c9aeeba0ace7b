# shellcheck shell=bash
# What the scripts ask of the machine they run on: where the repository lies, what is
# installed, and how the rest gets installed. Sourced, never run. It talks on stderr only,
# because the output of the scripts is read by other programs.

# bash expands CDPATH in cd, and then prints; the path would come out twice.
unset CDPATH
# Without it a failure inside $(…) goes unnoticed; bash before 4.4 does not know it.
shopt -s inherit_errexit 2>/dev/null || true
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}
usage_error() {
  say "$* (see ${0##*/} --help)"
  exit 2
}

# The comment at the head of a script is its help.
print_help() { awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"; }

has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }
may_become_root() { is_root || { has sudo && sudo -n true 2>/dev/null; }; }
as_root() { if is_root; then "$@"; else sudo -n -- "$@"; fi; }

# install_package APT DNF BREW: installs a package under its name with this machine's package
# manager; fails when there is none, or when it would have to ask for a password.
install_package() {
  if has apt-get && may_become_root; then
    say "installing the package $1 with apt-get"
    as_root apt-get update -qq </dev/null >&2 || say "apt-get update failed; going on with the lists at hand"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=120 "$1" </dev/null >&2
  elif has dnf && may_become_root; then
    say "installing the package $2 with dnf (this way is untested)"
    as_root dnf install -y -q "$2" </dev/null >&2
  elif has brew && ! is_root; then
    say "installing $3 with brew (this way is untested)"
    brew install --quiet "$3" </dev/null >&2
  else
    return 1
  fi
}

# Some of our crates compile C, so a linker and compiler are needed beside Rust.
need_rust() {
  local wanted found
  has cargo || PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
  has cargo || die "Rust $wanted or newer is needed and there is no cargo here: install it with rustup, then run this again"
  found=$(cd "$root" && cargo --version | cut -d ' ' -f 2)
  [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] ||
    die "Rust $wanted or newer is needed and this is $found: run 'rustup update stable', then this again"
  has cc || install_package build-essential gcc gcc ||
    die "a C compiler is needed and there is no cc here: install gcc or clang, then run this again"
}
