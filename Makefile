# edgecam on Debian 12/13, Raspberry Pi OS or Ubuntu 24.04, with a Rust toolchain.
#   make demo   builds and shows detections in the terminal
#   make test   runs every test
#   make setup  installs and fetches what is missing, and says what
#   make build  a release build
#   make cross  a release build for a Pi (aarch64), on this machine; the same as `cross build` without Docker
#   make deb    a Debian package of this machine's architecture; ARCH=arm64: of a Pi's
#   make release  packages and tarballs of both architectures, with their checksums
#   make deploy HOST=pi@host        builds, brings it to a Pi, restarts the service there and follows its log
#   make remote-debug HOST=pi@host  a debug build on a Pi, under gdbserver
#   make virtual-pi                 installs the package in a virtual Pi and checks what must hold (ARCH=arm64: emulated)
#   make train-setup  a Python environment for models/train; edgecam itself never needs it

.PHONY: demo test setup test-setup build cross deb release deploy remote-debug virtual-pi lint clean train-setup selftest-models

CARGO ?= cargo

setup:
	@./setup.sh build

test-setup:
	@./setup.sh build test

build: setup
	$(CARGO) build --release --locked

CROSS_TARGET = aarch64-unknown-linux-gnu

cross:
	@./cross/install.sh build
	@./setup.sh runtime aarch64
	$(CARGO) build --release --locked --target $(CROSS_TARGET)

HOST_ARCH = $(shell dpkg --print-architecture)
ARCH ?= $(HOST_ARCH)

deb: $(if $(filter $(HOST_ARCH),$(ARCH)),build,cross)
	@./debian/build $(ARCH)

release:
	@$(MAKE) deb ARCH=amd64
	@$(MAKE) deb ARCH=arm64
	@./debian/release

deploy:
	@./cross/deploy $(HOST)

remote-debug:
	@./cross/debug $(HOST)

virtual-pi: deb
	$(CARGO) build --release --locked --example coral $(if $(filter $(HOST_ARCH),$(ARCH)),,--target $(CROSS_TARGET))
	@ARCH=$(ARCH) ./tests/virtual-pi/install
	@ARCH=$(ARCH) ./tests/virtual-pi/run

demo: build
	@./demo.sh

test: test-setup
	$(CARGO) test --locked

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

PYTHON ?= python3
TRAIN = models/train
VENV = $(TRAIN)/.venv

train-setup: $(VENV)/done

$(VENV)/done: $(TRAIN)/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --disable-pip-version-check -r $(TRAIN)/requirements.txt
	touch $@

# The two models of the self-test, from nothing; half an hour on two cores.
selftest-models: build train-setup
	cd $(TRAIN) && .venv/bin/python -m edgecam_train recipes/selftest.toml prepare teach train quantise export
	cd $(TRAIN) && .venv/bin/python -m edgecam_train recipes/selftest-classify.toml prepare teach train export
	cp $(TRAIN)/runs/selftest/edgecam-selftest.tflite models/
	cp $(TRAIN)/runs/selftest-classify/edgecam-selftest-classify.tflite models/
	$(CARGO) build --release --locked
	target/release/edgecam selftest --record >models/edgecam-selftest.json.new
	mv models/edgecam-selftest.json.new models/edgecam-selftest.json
	$(CARGO) build --release --locked

clean:
	$(CARGO) clean
