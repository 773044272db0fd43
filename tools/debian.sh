# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For tools/fresh and tools/deb-test, which source it in the root of the tree: a new Debian 12 with
# git and make and nothing else, from this machine's own package source. What debootstrap made is
# kept in build/fresh/ for the next time.
#
#   new_debian NAME   makes $root, which is gone at the end of the script; NAME is for messages
#   inside COMMAND    runs it there with a clean environment
#   say TEXT          a line with the time since the start
#
# Before the folder goes, `at_end` is called when the script has such a function.
suite=bookworm
cache=$PWD/build/fresh
started=$SECONDS

say() {
    echo "== $debian_for, $((SECONDS - started)) s: $*"
}

skip() {
    echo "!! $debian_for: SKIPPED, nothing was proven: $1" >&2
    exit 1
}

# The first Debian archive that this machine itself uses, in either format of sources.
find_mirror() {
    {
        cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
            awk -v RS= '/Suites:[^\n]*'$suite'/ && match($0, /URIs: *[^ \n]+/) {
                print substr($0, RSTART + 5, RLENGTH - 5) }' || true
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            sed -nE "s/^deb +(\[[^]]*\] +)?([^ ]+) +$suite +.*/\2/p" || true
    } | grep -v -- -security | tr -d ' ' | sed -n '/./{p;q;}'
}

tidy() {
    status=$?
    trap - EXIT INT TERM
    ! declare -F at_end >/dev/null || at_end || true
    for mounted in dev/shm dev/pts proc sys; do
        ! mountpoint -q "$root/$mounted" || umount "$root/$mounted" || umount -l "$root/$mounted"
    done
    if grep -q " $root/" /proc/mounts; then
        echo "!! $debian_for: something is still mounted below $root, it stays" >&2
        exit 1
    fi
    rm -rf --one-file-system "$root"
    exit $status
}

unpack_debian() {
    local mirror=$1
    if [ -f "$cache/$suite.tar" ]; then
        say "unpacking $cache/$suite.tar"
        tar -C "$root" -xf "$cache/$suite.tar"
        return
    fi
    say "debootstrap from $mirror"
    debootstrap --variant=minbase --include=git,make "$suite" "$root" "$mirror" \
        >"$cache/debootstrap.log" 2>&1 || {
        tail -n 20 "$cache/debootstrap.log" >&2
        exit 1
    }
    rm -rf "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" -cf "$cache/$suite.tar.new" --exclude='./dev/*' --exclude='./proc/*' .
    mv "$cache/$suite.tar.new" "$cache/$suite.tar"
}

node() { # NAME MAJOR MINOR
    mknod -m 666 "$root/dev/$1" c "$2" "$3"
}

new_debian() {
    local mirror
    debian_for=$1
    [ "$(id -u)" -eq 0 ] || skip "this needs root (chroot, mount)"
    command -v debootstrap >/dev/null || skip "debootstrap is missing: run 'tools/deps --ci'"
    mirror=$(find_mirror)
    [ -n "$mirror" ] || skip "found no Debian $suite in /etc/apt"
    mkdir -p "$cache"
    root=$(mktemp -d "${TMPDIR:-/tmp}/clawlink-$debian_for-XXXXXX")
    chmod 755 "$root"
    trap tidy EXIT
    trap 'exit 130' INT TERM
    unpack_debian "$mirror"

    # A machine as its owner would have it: package sources, name server, proxy, certificates, a
    # few devices, /proc. Nothing else is carried over.
    mkdir -p "$root/etc/apt/sources.list.d" "$root/etc/apt/apt.conf.d"
    rm -f "$root"/dev/{null,zero,full,random,urandom,tty,ptmx}
    echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    apt-config dump | grep -E '^Acquire::(https?|ftp)::(Proxy|CaInfo|Verify)|^Acquire::Check-' \
        >"$root/etc/apt/apt.conf.d/90machine" || true
    if [ -d /usr/local/share/ca-certificates ]; then
        mkdir -p "$root/usr/local/share"
        cp -rL /usr/local/share/ca-certificates "$root/usr/local/share/"
    fi
    node null 1 3 && node zero 1 5 && node full 1 7 && node random 1 8 && node urandom 1 9
    node tty 5 0 && ln -sf pts/ptmx "$root/dev/ptmx" && ln -sfn /proc/self/fd "$root/dev/fd"
    mkdir -p "$root/dev/pts" "$root/dev/shm"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
}

# shellcheck disable=SC2317 # called by the scripts that source this
inside() {
    # A clean environment, but for a proxy when the machine has one.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        ${no_proxy:+no_proxy="$no_proxy"} \
        chroot "$root" sh -c "$1" </dev/null
}
