#!/bin/sh
# Makes the pictures of a report's page: docs/report.png, which the README shows, and into
# the folder that is given (by default below target/) the page in light, dark, narrow and printed
# form, to look at. Needs a headless Chromium.
#
#     docs/screenshots.sh [FOLDER]
set -eu

cd "$(dirname "$0")/.."
out=${1:-${CARGO_TARGET_DIR:-target}/screenshots}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --locked
rattap=${CARGO_TARGET_DIR:-target}/debug/rattap
page() {
	"$rattap" replay -q -o /dev/null --report "$work/$1.html" "pcaps/$2"
}
page story story.pcap
page identity identity/all-sources.pcap
page clean quiet/many-records.pcap
page part damaged/cut-in-a-frame.pcap || true
page unread damaged/empty.pcap || true

show() {
	"$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
		--force-device-scale-factor=1 "$@" >"$work/browser.log" 2>&1 || { cat "$work/browser.log" >&2; exit 1; }
}
shot() {
	name=$1 page=$2 size=$3
	shift 3
	show "$@" --window-size="$size" --screenshot="$out/$name.png" "file://$work/$page.html"
}
shot light story 1180,3600
shot dark story 1180,3600 --blink-settings=preferredColorScheme=0
shot narrow story 500,5200
for page in identity clean part unread; do
	shot "$page" "$page" 1180,1500
done
show --no-pdf-header-footer --print-to-pdf="$out/print.pdf" "file://$work/story.html"
show --window-size=1180,640 --screenshot="$PWD/docs/report.png" "file://$work/story.html"
ls -l "$out" docs/report.png
