#!/usr/bin/env bash
# Owns the two steps of the set-up that Python itself cannot do: finding a Python and filling a virtual environment.
# Never asks anything, and needs nothing but bash, a Python of 3.11 or newer, and a network.
set -euo pipefail
cd "$(dirname "$0")/.."

# A name on the path may be a shim that starts nothing, or a Python without venv: only one that runs counts.
find_python() {
    local minor candidate
    for candidate in $(for minor in 19 18 17 16 15 14 13 12 11; do echo "python3.$minor"; done) python3 python; do
        while read -r path; do
            if "$path" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
                echo "$path"
                return
            fi
        done < <(type -ap "$candidate" || true)
    done
    echo "Carillon needs Python 3.11 or newer with its venv module; none on the path runs." >&2
    return 1
}

create() {
    local python
    python=$(find_python)
    echo "setup: virtual environment with $("$python" --version), $python"
    "$python" -m venv .venv
}

# pip says several lines a package; a person wants to see that it goes on, and every line that is not routine.
install() {
    local packages
    packages=$(grep -c '^[a-z].*==' requirements.lock)
    echo "setup: Python packages, about $packages (a minute or two the first time)"
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes -r requirements.lock | awk -v total="$packages" '
        /^(Collecting|Requirement already satisfied)/ { if (++seen % 20 == 0) print "setup:   " seen " of " total; fflush(); next }
        /^ *(Using cached|Downloading|Obtaining|Ignoring|Preparing|Looking in|Processing|Link requires|Installing|Getting req|Building|Created wheel|Stored in|Attempting|Found existing|Uninstalling|Successfully)/ { next }
        { print; fflush() }'
    # What an earlier lock wanted and this one does not is left alone: it harms nobody.
}

"$1"
