#!/bin/sh
# Debian's Chromium for the browser tests: installed where it is missing and this user may; otherwise the tests say so.
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests …"
    { apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver fonts-dejavu-core; } >/dev/null 2>&1 ||
        echo "chromium could not be installed by apt-get; the browser tests will say so." >&2
fi
exit 0
