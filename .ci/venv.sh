#!/bin/sh
# Usage: venv.sh FOLDER PYTHON REQUIREMENTS. Makes the virtual environment once and installs what the file lists.
set -eu
folder=$1 python=$2 requirements=$3
command -v "$python" >/dev/null 2>&1 || python=python3
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    echo "Tomodeck needs Python 3.11; '$python' is $("$python" --version 2>&1 || echo missing). Give one with: make PYTHON=/path/to/python3.11" >&2
    exit 2
fi
if [ ! -x "$folder/bin/pip" ]; then
    rm -rf "$folder"
    if ! "$python" -m venv "$folder" >/tmp/tomodeck-venv.$$ 2>&1; then
        cat /tmp/tomodeck-venv.$$ >&2; rm -f /tmp/tomodeck-venv.$$ ; rm -rf "$folder"
        echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2
        exit 2
    fi
    rm -f /tmp/tomodeck-venv.$$
fi
echo "Installing $requirements into $folder (first time only, some minutes) …"
"$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
