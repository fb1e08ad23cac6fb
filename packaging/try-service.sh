#!/usr/bin/env bash
# Runs a package's service under the systemd of a minimal Debian 12:
# packaging/try-service.sh FILE.deb
# Needs root, iproute2 and a cgroup2 file system; installs debootstrap if it is missing. The system
# is created once (180 MB) and kept in TRY_DEB_CACHE (by default target/debian-12). systemd boots in
# its own namespaces: its processes and packets do not reach the outside.
set -euo pipefail
cd "$(dirname "$0")/.."
. packaging/bare-debian.sh

package=$(realpath "$1")
cache=${TRY_DEB_CACHE:-target/debian-12}
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [ "$(id -u)" != 0 ] || [ -z "$cgroups" ] || ! mkdir "$cgroups/try-service-$$" 2>/dev/null; then
    echo "SKIPPED: only root, with a cgroup2 file system, can boot systemd"
    exit 0
fi
group=$cgroups/try-service-$$
root=$(mktemp -d)
boot=
clean_up() {
    # unshare ignores other signals. Its child processes die with it.
    if [ -n "$boot" ]; then kill -KILL "$boot" && wait "$boot" || true; fi 2>/dev/null
    for _ in $(seq 100); do
        if find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; then break; fi
        sleep 0.1
    done
    rm -rf "$root"
}
trap clean_up EXIT

bare_debian service adduser,libpcap0.8,systemd-sysv,iproute2 "$root"
cp "$package" "$root/root/rattap.deb"

(
    echo "$BASHPID" >"$group/cgroup.procs"
    # The loopback has the listed endpoint's address. systemd is process 1, and $root is its root.
    exec unshare --pid --fork --kill-child --mount --net --uts --ipc --cgroup sh -ec '
        mount --make-rprivate /
        mount --bind "$1" "$1"
        cd "$1"
        mount -t proc proc proc
        mount -t sysfs sysfs sys
        mount -t cgroup2 none sys/fs/cgroup
        mount -t tmpfs -o mode=755 tmpfs run
        mount -t tmpfs -o mode=755 tmpfs dev
        for device in null zero full random urandom tty; do
            touch dev/$device
            mount --bind /dev/$device dev/$device
        done
        ln -s pts/ptmx dev/ptmx
        ip address add 91.202.233.25/32 dev lo
        ip link set lo up
        mkdir old
        pivot_root . old
        exec chroot . sh -c "umount -l /old; exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd"' \
        sh "$root" >"$root/boot.log" 2>&1
) &
boot=$!

fail() {
    echo "try-service: $*" >&2
    inside journalctl -u rattap --no-pager >&2 || cat "$root/boot.log" >&2
    exit 1
}
inside() {
    local first
    first=$(cat "/proc/$boot/task/$boot/children")
    first=${first%% *}
    [ -n "$first" ] && nsenter --target "$first" --mount --pid --net --uts --ipc --cgroup --root="/proc/$first/root" \
        --wd="/proc/$first/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}
# Waits until a command succeeds inside.
wait_for() {
    for _ in $(seq 300); do
        if inside "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "timeout: $*"
}
contact() { inside bash -c '! (exec 3<>/dev/tcp/91.202.233.25/4888) 2>/dev/null'; }
process() { inside systemctl show --property MainPID --value rattap; }
logged() { wait_for sh -c "journalctl -u rattap --no-pager | grep -q -e '$1'"; }

wait_for sh -c 'systemctl is-system-running | grep -q -x -e running -e degraded'
inside dpkg -i /root/rattap.deb >/dev/null
if inside systemctl is-enabled --quiet rattap || inside systemctl is-active --quiet rattap; then
    fail "the installation enabled or started it"
fi
inside sed -i 's/^#interfaces = .*/interfaces = ["lo"]/' /etc/rattap/rattap.toml
inside sh -c 'printf "[[output]]\nto = \"tcp://127.0.0.1\"\n" >>/etc/rattap/rattap.toml'

inside systemctl start rattap || fail "it does not start"
logged 'runs as rattap, confined to its own files'
inside sh -c "grep -q -x 'CapEff:.0000000000000000' /proc/$(process)/status" || fail "it kept capabilities"
contact
wait_for grep -q '|c2-endpoint|.* dst=91.202.233.25 dpt=4888 ' /var/log/rattap/alerts.cef
inside systemctl reload rattap || fail "it does not reload"
logged 'reloaded: 9 indicators'

# After a kill it is restarted, and keeps the alerts for the receiver, which is not running.
killed=$(process)
inside systemctl kill --signal=KILL rattap
logged '1 alerts of an earlier run are in the spool'
wait_for systemctl is-active --quiet rattap
[ "$(process)" != "$killed" ] || fail "it was not killed"
inside systemctl stop rattap || fail "it does not stop"
inside systemctl show --property Result rattap | grep -q -x Result=success || fail "it stopped with a failure"
inside dpkg -P rattap >/dev/null 2>&1
echo "try-service: started, reloaded, killed, back and stopped under systemd on Debian $(cat "$root/etc/debian_version")"
