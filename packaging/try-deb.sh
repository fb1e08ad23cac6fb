#!/usr/bin/env bash
# Checks a package and, beside it, the package of its debug symbols: size, lintian. Then installs
# the package on a minimal Debian 12 and uses it there:
# packaging/try-deb.sh FILE.deb
# Needs root and iproute2; installs lintian, binutils and debootstrap if they are missing. The
# system is created once (120 MB) and kept in TRY_DEB_CACHE (by default target/debian-12).
set -euo pipefail
cd "$(dirname "$0")/.."
. packaging/bare-debian.sh

# The most bytes of a package. About twice what it needs: more tells that something is in it that
# does not belong there, such as debug symbols.
most=6000000

package=$(realpath "$1")
symbols=${package%.deb}-dbgsym.deb
cache=${TRY_DEB_CACHE:-target/debian-12}
if [ "$(id -u)" != 0 ]; then
    echo "SKIPPED: only root can install the package on a minimal Debian"
    exit 0
fi
fail() { echo "try-deb: $*" >&2; exit 1; }

size=$(stat -c %s "$package")
[ "$size" -le $most ] || fail "the package has $size bytes, more than $most"
for tool in lintian:lintian readelf:binutils; do
    command -v ${tool%:*} >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends ${tool#*:} >/dev/null; }
done
lintian --allow-root --fail-on error,warning "$package" "$symbols" || fail "lintian found errors or warnings"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
dpkg-deb --fsys-tarfile "$package" | tar -xO ./usr/bin/rattap >"$root/rattap"
build=$(readelf -n "$root/rattap" | sed -n 's/.*Build ID: //p')
dpkg-deb --contents "$symbols" | grep "/usr/lib/debug/.build-id/${build:0:2}/${build:2}.debug$" >/dev/null ||
    fail "the debug symbols are not those of the program, build $build"
rm "$root/rattap"
# With the dependencies of the package.
bare_debian base adduser,libpcap0.8 "$root"
cp "$package" "$root/rattap.deb"
cp pcaps/story.pcap pcaps/golden/story.pcap.cef "$root/srv/"

# The script runs in its own namespaces, so that no mount and no process remains and no packet
# leaves. The only interface is the loopback, which has the listed endpoint's address. Services do
# not run in a chroot.
cat >"$root/try" <<'TRY'
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
fail() { echo "try-deb: $*" >&2; exit 1; }

dpkg -i /rattap.deb >/dev/null
[ -s /var/lib/dpkg/info/rattap.md5sums ] || fail "the package has no checksums"
[ -z "$(dpkg --verify rattap)" ] || fail "$(dpkg --verify rattap)"
id rattap >/dev/null || fail "the account rattap is missing"
for folder in /var/lib/rattap /var/log/rattap; do
    [ "$(stat -c '%U %G %a' $folder)" = "rattap rattap 750" ] || fail "$folder: $(stat -c '%U %G %a' $folder)"
done
for file in /usr/share/man/man1/rattap.1.gz /usr/share/man/man1/rattap-replay.1.gz /usr/lib/systemd/system/rattap.service \
    /usr/share/bash-completion/completions/rattap /usr/share/zsh/vendor-completions/_rattap \
    /usr/share/fish/vendor_completions.d/rattap.fish /etc/logrotate.d/rattap \
    /usr/share/doc/rattap/README.md /usr/share/doc/rattap/docs/README.md \
    /usr/share/doc/rattap/copyright /usr/share/doc/rattap/changelog.gz; do
    dpkg -L rattap | grep -qx "$file" || fail "$file is not in the package"
done
dpkg-query -W -f '${Conffiles}\n' rattap | grep -q ' /etc/rattap/rattap.toml ' || fail "the settings file is not a conffile"

rattap --version
rattap config check >/dev/null
# Run as the account, in a folder that only it may write to.
setpriv --reuid=rattap --regid=rattap --clear-groups \
    rattap replay -q --config /etc/rattap/rattap.toml --sensor-host tap-01 -o /var/log/rattap/alerts.cef /srv/story.pcap
sed 's/^CEF:0|Rattap|Sensor|[^|]*|/CEF:0|Rattap|Sensor|0.0.0|/' /var/log/rattap/alerts.cef | cmp - /srv/story.pcap.cef
rm /var/log/rattap/alerts.cef

# Run as the service does, with the one key that the settings file does not set.
until_there() {
    for _ in $(seq 300); do
        if grep -q -e "$1" "$2" 2>/dev/null; then return; fi
        sleep 0.1
    done
    cat /srv/live.log >&2
    fail "$1 does not appear in $2"
}
if rattap live 2>/srv/live.log; then fail "it starts without an interface"; fi
grep -q 'capture.interfaces' /srv/live.log || fail "the error does not name the missing key: $(cat /srv/live.log)"
sed -i 's/^#interfaces = .*/interfaces = ["lo"]/' /etc/rattap/rattap.toml
setpriv --reuid=rattap --regid=rattap --clear-groups --no-new-privs \
    --bounding-set=-all,+net_raw --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw rattap live 2>/srv/live.log &
sensor=$!
contact() { if (exec 3<>/dev/tcp/91.202.233.25/4888) 2>/dev/null; then fail "the contact was not refused"; fi; }
until_there 'capturing from lo' /srv/live.log
grep -q 'runs as rattap, confined to its own files' /srv/live.log || fail "$(cat /srv/live.log)"
contact
until_there '|c2-endpoint|.* dst=91.202.233.25 dpt=4888 ' /var/log/rattap/alerts.cef
[ "$(stat -c '%U %G' /var/log/rattap/alerts.cef)" = "rattap rattap" ] || fail "the alerts do not belong to the account"
# Rotate as logrotate does.
mv /var/log/rattap/alerts.cef /var/log/rattap/alerts.cef.1
kill -HUP $sensor
until_there 'reloaded: 9 indicators' /srv/live.log
until [ -e /var/log/rattap/alerts.cef ]; do sleep 0.1; done
kill -TERM $sensor
until_there 'outcome=refused' /var/log/rattap/alerts.cef
wait $sensor || fail "the sensor failed: $(cat /srv/live.log)"
grep -q ' packets, ' /srv/live.log || fail "no summary: $(cat /srv/live.log)"

# An upgrade and a removal keep the operator's files; a purge deletes them.
echo '# mine' >>/etc/rattap/rattap.toml
dpkg -i /rattap.deb >/dev/null
grep -q '^# mine' /etc/rattap/rattap.toml || fail "an upgrade lost the settings"
dpkg -r rattap >/dev/null
[ -f /etc/rattap/rattap.toml ] && [ -f /var/log/rattap/alerts.cef ] || fail "a removal deleted more than the program"
dpkg -P rattap >/dev/null 2>&1
for path in /etc/rattap /var/lib/rattap /var/log/rattap; do
    [ ! -e $path ] || fail "a purge left $path"
done
TRY
unshare --mount --net --pid --fork --kill-child sh -ec '
    mount -t proc proc "$1/proc"
    mount -t sysfs sysfs "$1/sys"
    mount --bind /dev "$1/dev"
    ip address add 91.202.233.25/32 dev lo
    ip link set lo up
    exec chroot "$1" bash /try' sh "$root"
echo "try-deb: $size bytes, no errors or warnings of lintian; installed, replayed, captured live, upgraded, removed and purged on Debian $(cat "$root/etc/debian_version")"
