# Sourced by the test scripts in this folder: creates a minimal Debian 12 once, and unpacks it.

# bare_debian NAME PACKAGES FOLDER: unpacks a minimal Debian with PACKAGES (separated by commas)
# into FOLDER. With them, later installations there need no network. The system is kept as NAME.tar
# in $cache. If it cannot be created, prints that the test is skipped and ends the script.
bare_debian() {
    local tar=$cache/$1.tar
    mkdir -p "$cache"
    if [ ! -f "$tar" ]; then
        command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
        debootstrap --variant=minbase --include="$2" bookworm "$3/base" >"$cache/debootstrap.log" 2>&1 || {
            tail -3 "$cache/debootstrap.log"
            echo "SKIPPED: cannot create a minimal Debian 12 (is there a network?)"
            exit 0
        }
        rm -rf "$3"/base/var/cache/apt/*.bin "$3"/base/var/cache/apt/archives/*.deb "$3"/base/var/lib/apt/lists/*
        tar -C "$3/base" -cf "$tar.new" .
        mv "$tar.new" "$tar"
        rm -rf "$3/base"
    fi
    tar -C "$3" -xf "$tar"
}
