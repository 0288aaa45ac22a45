#!/bin/sh
# Install what builds and runs the virtual Pi, where we may (Debian, root).
# Anywhere else: say what is missing and stop, so that no test is skipped in silence.
set -eu
missing=""
for pair in qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils debootstrap:debootstrap \
            cpio:cpio depmod:kmod busybox:busybox-static gcc:gcc make:make xz:xz-utils \
            mke2fs:e2fsprogs mosquitto:mosquitto; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] \
        || missing="$missing ${pair#*:}"
done
ls -d /lib/modules/*-amd64/build >/dev/null 2>&1 || missing="$missing linux-headers-amd64"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the virtual Pi:$missing"
    # shellcheck disable=SC2086
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends $missing; } >/tmp/yiping-install-hil.log 2>&1 \
        || { tail -n 20 /tmp/yiping-install-hil.log >&2; exit 1; }
    exit 0
fi
echo "The virtual Pi needs these Debian packages; please install them:$missing" >&2
exit 1
