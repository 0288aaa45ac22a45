#!/bin/sh
# Install the servers and the browsers that the tests drive, where we may (Debian, root).
# Anywhere else: say what is missing and stop, so that no test is skipped in silence.
set -eu
missing=""
for pair in mosquitto:mosquitto mosquitto_sub:mosquitto-clients chromium:chromium \
            firefox-esr:firefox-esr systemd-analyze:systemd espeak-ng:espeak-ng \
            aplay:alsa-utils sox:sox sshd:openssh-server ssh-keygen:openssh-client; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] \
        || missing="$missing ${pair#*:}"
done
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk fontconfig"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$missing"
    # shellcheck disable=SC2086
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends $missing; } >/tmp/yiping-install.log 2>&1 \
        || { tail -n 20 /tmp/yiping-install.log >&2; exit 1; }
    exit 0
fi
echo "The tests need these Debian packages; please install them:$missing" >&2
exit 1
