# What people type. Each target sets up what it needs on a fresh Debian or Ubuntu machine that has
# Rust, a C compiler and make: missing packages come from apt, through sudo only if you are not root.

.PHONY: demo test bench deb setup setup-test setup-deb

# rustup's place, in case this shell was started before Rust was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

# libpcap compiles filters, lists interfaces and captures.
PACKAGES := libpcap-dev
# On Ubuntu the package is a snap, which needs snapd and cannot read the files of a test.
BROWSER := $(shell . /etc/os-release && [ "$$ID" = ubuntu ] || echo chromium)
# What the tests ask beside cargo: Python for parsers and a KQL engine from PyPI (Node.js comes from
# there as well), rsyslog to take the lines, tshark for names, logrotate, shells for the completions,
# systemd for the unit, a browser for the report, and the rest for the live sensor on virtual wires.
TEST_PACKAGES := $(PACKAGES) python3 python3-venv rsyslog tshark tcpdump tcpreplay iproute2 procps \
	logrotate fish zsh systemd jq $(BROWSER)
# The version that makes the package.
CARGO_DEB := 3.8.0
# Checks the metrics.
PROMTOOL := $(or $(CARGO_TARGET_DIR),target)/tools/promtool
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

# Replays the sample story: what a sensor at an office's uplink would have told of an infection.
demo: setup
	cargo build --release --locked
	@echo
	@echo '$$ rattap replay pcaps/story.pcap'
	@$(RELEASE)/rattap replay --format text pcaps/story.pcap
	@$(RELEASE)/rattap replay -q -o $(RELEASE)/demo.cef --report $(RELEASE)/demo.html pcaps/story.pcap
	@echo
	@echo 'the alerts as CEF lines, for Microsoft Sentinel: $(RELEASE)/demo.cef'
	@echo 'the report, a page to hand over:                 $(RELEASE)/demo.html'

# Every test. One that lacks something of the machine says that it is skipped; RATTAP_REQUIRE turns
# that into a failure (see tests/integration/needs.rs).
test: setup-test
	cargo test --locked

# The figures in docs/performance.md: the paired runs, then the micro-benchmarks. Makes captures of 3.1 GB
# under target/ first.
bench: setup
	cargo bench --locked --bench replay
	cargo bench --locked --bench micro

# A package for Debian and Ubuntu, with what `rattap man` and `rattap completions` print, and a
# second one with its debug symbols: rattap.deb and rattap-dbgsym.deb.
deb: setup-deb
	cargo build --release --locked
	rm -rf $(RELEASE)/documents
	$(RELEASE)/rattap man --into $(RELEASE)/documents/man
	gzip -9n $(RELEASE)/documents/man/*.1
	$(RELEASE)/rattap completions bash > $(RELEASE)/documents/rattap.bash
	$(RELEASE)/rattap completions zsh > $(RELEASE)/documents/_rattap
	$(RELEASE)/rattap completions fish > $(RELEASE)/documents/rattap.fish
	packaging/make-deb.sh $(RELEASE)

setup:
	@$(call install,$(PACKAGES))

setup-test: $(PROMTOOL)
	@$(call install,$(TEST_PACKAGES))

# Only the tool is taken out of the package, which would also start a server.
$(PROMTOOL):
	@mkdir -p $(@D)
	@cd $(@D) && (apt-get download -qq prometheus || ($(SUDO) apt-get update -qq && apt-get download -qq prometheus)) && \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool > promtool.part && \
		rm prometheus_*.deb && chmod +x promtool.part && mv promtool.part $(@F)

setup-deb: setup
	@$(call install,dpkg-dev)
	@cargo deb --version >/dev/null 2>&1 || cargo install --locked cargo-deb@$(CARGO_DEB)

# Asks apt only for what is not there; so without a network nothing is asked where nothing is missing.
define install
	missing=; \
	for package in $(1); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef
