#!/usr/bin/env bash
# The one entry point: finds Python 3.11 and hands over to tooling/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

help() {
  cat <<'TEXT'
Usage: ./build.sh COMMAND

  demo      build the add-on and show it at work, against stand-ins for Microsoft's cloud and Splunk
  ui        build it and leave its setup pages running against the stand-ins, for your browser; Ctrl-C ends it
  test      build it, run all tests and checks, and sum up; "test unit docs" runs the tests in these folders alone
  chaos     build it and kill it 300 times at random moments: is anything lost, how much comes twice?
            --kills N, --seed N and --inputs NAME,NAME, or CHAOS_KILLS, CHAOS_SEED and CHAOS_INPUTS in the environment
  bench     build it and measure it: CPU, memory, time and calls of polls, beside a floor; --help lists cases and options
  accept    build it and ask a real Splunk or a real tenant what only they can answer: "accept --splunk https://host:8089
            --user admin", "accept --tenant"; each with --help lists its options
  build     make output/TA_defender_alerts/ and the tarball in dist/
  inspect   build it and run Splunk's AppInspect on the tarball
  release   build it, inspect it for Splunk Cloud and for Splunks to come, and put its SBOM, the reports and checksums
            beside the tarball in dist/ (docs/release.md)
  pictures  build it, and draw its pages (output/pictures/) and its dashboards (docs/images/): "pictures pages" and
            "pictures dashboards [NAME ...]" draw one of the two
  docs      make the documentation site in output/site/; a link that leads nowhere fails it
  help      show this

Each is complete by itself and keeps what it downloads in .toolchain/, with logs in .toolchain/log/.
It takes Debian with Python 3.11, python3-venv and git, and root or sudo without a password for Debian packages.
DEBIAN_MIRROR=URL takes Splunk's two Pythons from that mirror of Debian.
TEXT
}

case "${1:-help}" in
  help | -h | --help) help; exit 0 ;;
  demo | ui | test | chaos | bench | accept | build | inspect | release | pictures | docs) ;;
  *) help >&2; exit 2 ;;
esac

for python in python3.11 python3; do
  if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    exec "$python" -B -m tooling "$@"
  fi
done
echo "Python 3.11 with venv is missing. On Debian 12: apt-get install python3 python3-venv" >&2
exit 1
