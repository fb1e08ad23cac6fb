# What people type. Each target sets up what it needs on a fresh Debian or Ubuntu machine that has Rust, a C compiler and
# make: missing packages come from apt, through sudo only where you are not root.

.PHONY: demo test bench deb setup setup-test setup-deb

# rustup's place, in case this shell was started before Rust was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

# libpcap compiles filters, lists interfaces and captures.
PACKAGES := libpcap-dev
# The referees of the CEF lines and the engine that runs the hunts are Python packages; rsyslog takes the lines there, tshark is the
# referee of the names. What reads the hunts beside it is a package for Node.js, which is used where it is and not installed: it would
# bring hundreds of packages. The live sensor is tested on virtual wires.
TEST_PACKAGES := $(PACKAGES) python3 python3-venv rsyslog tshark iproute2 tcpreplay tcpdump jq
# The version that makes the package.
CARGO_DEB := 3.8.0
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

# Replays the sample story: what a sensor at an office's uplink would have told of an infection.
demo: setup
	cargo build --release --locked
	@echo
	@echo '$$ rattap replay pcaps/story.pcap'
	@$(RELEASE)/rattap replay pcaps/story.pcap

# Every test.
test: setup-test
	cargo test --locked

# The figures in docs/performance.md: the paired runs, then the micro-benchmarks. Makes captures of 3.1 GB under target/ first.
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

setup-test:
	@$(call install,$(TEST_PACKAGES))

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
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		echo "installing:$$missing"; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef
