#!/usr/bin/env bash
# Prints the path of a Chromium or Chrome for the browser tests, and installs one first if there is none.
# With --find it installs nothing: then it fails if there is none. MARLA_CHROMIUM names one of your own.
set -euo pipefail
cd "$(dirname "$0")/.."

found() {
  local name path
  if [ -n "${MARLA_CHROMIUM:-}" ]; then
    command -v "$MARLA_CHROMIUM" && return
    echo "MARLA_CHROMIUM: got $MARLA_CHROMIUM, which cannot be run; give the path of a Chromium or Chrome" >&2
    exit 1
  fi
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" && return
  done
  for path in "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}"/chromium-*/chrome-linux*/chrome; do
    [ -x "$path" ] && echo "$path" && return
  done
  return 1
}

# Debian's package; Ubuntu's is only a pointer to a snap, which needs a running snapd.
from_debian() {
  [ "$(id -u)" = 0 ] && grep -qx 'ID=debian' /etc/os-release 2> /dev/null || return 1
  local options=(-qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  export DEBIAN_FRONTEND=noninteractive
  apt-get "${options[@]}" update >&2 &&
    apt-get "${options[@]}" install -y --no-install-recommends \
      chromium fonts-dejavu-core fonts-liberation > /dev/null
}

# Playwright's own build, for other systems; with the libraries that it needs, where we may install those.
from_playwright() {
  [ -x .venv/bin/playwright ] || return 1
  local libraries=()
  [ "$(id -u)" = 0 ] && libraries=(--with-deps)
  .venv/bin/playwright install "${libraries[@]}" chromium >&2
}

found && exit
if [ "${1:-}" != --find ]; then
  echo "Installing Chromium for the browser tests ..." >&2
  if from_debian || from_playwright; then
    found && exit
  fi
fi
echo "There is no Chromium for the browser tests. Install your system's package (chromium or google-chrome)," \
  "run \`.venv/bin/playwright install --with-deps chromium\`, or give the path of one in MARLA_CHROMIUM." >&2
exit 1
