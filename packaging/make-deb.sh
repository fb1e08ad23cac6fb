#!/bin/sh
# Makes rattap.deb and rattap-dbgsym.deb, the package of its debug symbols, from a release build:
# packaging/make-deb.sh FOLDER
# FOLDER has the program and its documents, and gets the packages. `make deb` calls this script.
#
# cargo-deb makes both packages, but without checksums (md5sums), and the second one without
# copyright and changelog. So both are unpacked, completed and packed again.
set -eu
# For the folders that are made here.
umask 022
release=$(realpath "$1")
cd "$(dirname "$0")/.."
changelog=packaging/debian/changelog
version=$(dpkg-parsechangelog -l "$changelog" -S Version)
# The time of all files in the packages: two runs on the same program make the same packages.
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$changelog" -S Timestamp)
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Compressed only lightly (--fast), because it is packed again.
cargo deb --no-build --locked --fast --quiet --output "$work/rattap.deb" >/dev/null
dpkg-deb --raw-extract "$work/rattap.deb" "$work/rattap"
dpkg-deb --raw-extract "$work/rattap.ddeb" "$work/rattap-dbgsym"
if [ "$(dpkg-deb --field "$work/rattap.deb" Version)" != "$version" ]; then
    echo "$changelog: the first entry is for $version, which is not the version in Cargo.toml" >&2
    exit 1
fi

# The debug symbols fit exactly one build, and share its copyright and changelog.
sed -i -e "s/^Recommends: .*/Depends: rattap (= $version)/" -e 's/^Priority: .*/Priority: optional/' \
    "$work/rattap-dbgsym/DEBIAN/control"
mkdir -p "$work/rattap-dbgsym/usr/share/doc"
ln -s rattap "$work/rattap-dbgsym/usr/share/doc/rattap-dbgsym"

for package in rattap rattap-dbgsym; do
    # As usual, without the settings in /etc, which are the administrator's to change.
    (cd "$work/$package" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --root-owner-group -Zxz --build "$work/$package" "$release/$package.deb" >/dev/null
    echo "$release/$package.deb: $(stat -c %s "$release/$package.deb") bytes"
done
