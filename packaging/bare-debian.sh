# For the scripts beside it, which read it: makes a bare Debian 12 once, and unpacks it.

# bare_debian NAME PACKAGES FOLDER: unpacks it into the folder, with these packages (parted by commas) beside the least, so that what is
# installed there later needs no network. It is kept as NAME.tar in $cache. Says that it skips, and ends the script, where it cannot be made.
bare_debian() {
    local tar=$cache/$1.tar
    mkdir -p "$cache"
    if [ ! -f "$tar" ]; then
        command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
        debootstrap --variant=minbase --include="$2" bookworm "$3/base" >"$cache/debootstrap.log" 2>&1 || {
            tail -3 "$cache/debootstrap.log"
            echo "SKIPPED: no bare Debian 12 could be made (the network?)"
            exit 0
        }
        rm -rf "$3"/base/var/cache/apt/*.bin "$3"/base/var/cache/apt/archives/*.deb "$3"/base/var/lib/apt/lists/*
        tar -C "$3/base" -cf "$tar.new" .
        mv "$tar.new" "$tar"
        rm -rf "$3/base"
    fi
    tar -C "$3" -xf "$tar"
}
