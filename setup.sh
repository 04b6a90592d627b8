#!/usr/bin/env bash
# Makes .venv (or VENV) from the two locks and brings Chromium. Says in one line what is missing when it cannot.
set -euo pipefail
cd "$(dirname "$0")"
venv=${VENV:-.venv}

missing() { echo "setup: $1" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
can_apt() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }
apt_install() {
    echo "setup: installing $* from the system's packages"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
    as_root apt-get update -qq >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python=""
for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
        python=$(command -v "$candidate"); break
    fi
done
[ -n "$python" ] || missing "Python 3.11 to 3.14 is missing: install it, or name it as PYTHON=/path/to/python3"

unpacked() { "$@" || missing "the packages of the lock could not be installed: the lines above say why"; }

# A uv that is only a shim answers with an error, and then pip serves.
if uv --version >/dev/null 2>&1; then
    uv venv --quiet --allow-existing --python "$python" "$venv"
    unpacked uv pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements.lock -r requirements-dev.lock
    unpacked uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
else
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        can_apt || missing "Python's venv module is missing: apt-get install python3-venv"
        apt_install python3-venv
        "$python" -m venv --clear "$venv" || missing "Python's venv module is missing: apt-get install python3-venv"
    fi
    unpacked "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r requirements.lock -r requirements-dev.lock
    unpacked "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi

# One start without compiled modules costs more than all later ones together.
"$venv/bin/python" -m compileall -q -j 0 "$venv/lib" >/dev/null 2>&1 || true

# `type -P` sees programs alone; `command -v` would also find a function of this script.
installed_chromium() { type -P chromium || type -P chromium-browser || type -P google-chrome || true; }
playwright_has_one() {
    "$venv/bin/python" - <<'PY' 2>/dev/null
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not os.path.exists(p.chromium.executable_path))
PY
}
# Ubuntu's chromium package only points at a snap, which a service cannot start; its version says so.
apt_has_one() {
    can_apt || return 1
    apt-cache show chromium 2>/dev/null | grep -q '^Version:' || as_root apt-get update -qq >/dev/null 2>&1 || true
    apt-cache show chromium 2>/dev/null | grep '^Version:' | head -n 1 | grep -vq snap
}
if [ -z "${RETRUST_CHROMIUM:-}$(installed_chromium)" ] && ! playwright_has_one; then
    { apt_has_one && apt_install chromium; } || "$venv/bin/playwright" install chromium >/dev/null 2>&1 || \
        missing "Chromium is missing: apt-get install chromium, or name one as RETRUST_CHROMIUM=/path/to/chromium"
fi
