# edgecam on Debian 12/13, Raspberry Pi OS or Ubuntu 24.04, with a Rust toolchain.
#   make demo   builds and shows detections in the terminal
#   make test   runs every test
#   make setup  installs and fetches what is missing, and says what
#   make build  a release build

.PHONY: demo test setup test-setup build lint clean

CARGO ?= cargo

setup:
	@./setup.sh build

test-setup:
	@./setup.sh build test

build: setup
	$(CARGO) build --release --locked

demo: build
	@./demo.sh

test: test-setup
	$(CARGO) test --locked

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

clean:
	$(CARGO) clean
