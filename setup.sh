#!/bin/sh
# Makes this machine ready. Says what it does; does nothing twice.
#   build, build test   installs the packages that building, and testing, needs, and fetches the inference runtime
#   runtime [ARCH]      fetches the inference runtime of an architecture, checked by its SHA-256
#   openvino            fetches OpenVINO's runtime for this machine, likewise, for the tests of that engine
set -eu
cd "$(dirname "$0")"

RUST_MINIMUM=1.88
LITERT_VERSION=2.2.0
OPENVINO_VERSION=2026.4.1

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

check_rust() {
    command -v cargo >/dev/null 2>&1 || fail "there is no cargo; install Rust with rustup (https://rustup.rs) or Debian's rustc-web and cargo-web"
    version=$(rustc --version | cut -d' ' -f2 | cut -d- -f1)
    lowest=$(printf '%s\n%s\n' "$RUST_MINIMUM" "$version" | sort -V | head -n 1)
    [ "$lowest" = "$RUST_MINIMUM" ] || fail "Rust $version is too old, edgecam needs $RUST_MINIMUM; update with rustup, or install Debian's rustc-web and cargo-web"
}

# What a package is needed for is told by a file or command that it brings.
missing_packages() {
    have() { command -v "$1" >/dev/null 2>&1; }
    any() { for file in "$@"; do [ -e "$file" ] && return 0; done; return 1; }
    have cc || echo gcc
    have make || echo make
    have cmake || echo cmake
    case $(uname -m) in x86_64) have nasm || echo nasm ;; esac
    # libclang-cpp is another library; bindgen also needs the headers of the compiler itself.
    any /usr/lib/llvm-*/lib/libclang.so* /usr/lib/llvm-*/lib/libclang-[0-9]*.so* &&
        any /usr/lib/llvm-*/lib/clang/*/include/stddef.h || echo libclang-dev
    [ -f /usr/include/linux/videodev2.h ] || echo linux-libc-dev
    if [ -n "${EDGECAM_LITERT_URL:-}" ]; then have curl || echo curl; else have pip || have pip3 || echo python3-pip; fi
    have unzip || have python3 || echo unzip
    if [ "${1:-}" = test ]; then
        have mosquitto || [ -x /usr/sbin/mosquitto ] || echo mosquitto
        have mosquitto_sub || echo mosquitto-clients
        have ffmpeg || echo ffmpeg
        have systemd-analyze || echo systemd
    fi
}

install_packages() {
    packages=$(missing_packages "${1:-}" | sort -u | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "please install: $packages"
    if [ "$(id -u)" = 0 ]; then root=''; elif sudo -n true 2>/dev/null; then root=sudo; else
        fail "not root and no sudo without a password; please have these installed: $packages(apt-get install $packages)"
    fi
    say "installing $packages"
    $root apt-get update -qq
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

# Of an architecture, to where a program that is built for it finds it.
fetch_runtime() {
    case $1 in
    x86_64)
        platform=manylinux_2_27_x86_64
        wheel=0171f556fffa335281acd7d468de999fd4de32f6bf1a5f14e680676591cef764
        library=0eb5067e9fc86a622953fd3fb077db95b1010e5e5fd4dc5d31ec52bcd045c9fd ;;
    aarch64)
        platform=manylinux_2_27_aarch64
        wheel=808da1d1b3f93f05ce27444bf3d3bed8be928d2779483b5065df226e01c599d5
        library=fb21752e51cb9def7e154ccc65c7a12460d2c3c3116a50b4bb42e24dbc96128c ;;
    *) fail "there is no inference runtime for $1; edgecam runs on x86-64 and aarch64" ;;
    esac
    target=${CARGO_TARGET_DIR:-target}
    [ "$1" = "$(uname -m)" ] || target=$target/$1-unknown-linux-gnu
    target=$target/litert
    file=$target/libLiteRt.so
    if [ -f "$file" ] && echo "$library  $file" | sha256sum -c --status; then return 0; fi
    say "fetching the inference runtime LiteRT $LITERT_VERSION for $1"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    name=ai_edge_litert-$LITERT_VERSION-cp311-cp311-$platform.whl
    if [ -n "${EDGECAM_LITERT_URL:-}" ]; then
        curl -fsSL -o "$folder/$name" "$EDGECAM_LITERT_URL" || fail "could not fetch $EDGECAM_LITERT_URL"
    else
        pip=$(command -v pip || command -v pip3) || fail "there is no pip to fetch the runtime with; install python3-pip, or name the address of $name in EDGECAM_LITERT_URL"
        "$pip" download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
            --platform "$platform" -d "$folder" "ai-edge-litert==$LITERT_VERSION" ||
            fail "pip could not fetch ai-edge-litert $LITERT_VERSION; is there a connection?"
    fi
    echo "$wheel  $folder/$name" | sha256sum -c --status || fail "the fetched runtime has another checksum than the pinned one; not used"
    if command -v unzip >/dev/null 2>&1; then
        unzip -q -o "$folder/$name" ai_edge_litert/libLiteRt.so -d "$folder"
    else
        python3 -m zipfile -e "$folder/$name" "$folder"
    fi
    echo "$library  $folder/ai_edge_litert/libLiteRt.so" | sha256sum -c --status || fail "the library in the runtime's package has another checksum than the pinned one; not used"
    mkdir -p "$target"
    mv "$folder/ai_edge_litert/libLiteRt.so" "$file.new"
    mv "$file.new" "$file"
}

# Plugins and front ends lie beside the C library, and find each other there.
fetch_openvino() {
    case $(uname -m) in
    x86_64)
        platform=manylinux_2_28_x86_64
        wheel=2d22b1da03f7caf74df30e9f6417d0ab2f637e4a38e08e1dcd294d2c37407aaf ;;
    aarch64)
        platform=manylinux_2_35_aarch64
        wheel=bea1eb3733c34ef331adc945da0ccda5937865031139073663be84c517ffda22 ;;
    *) fail "there is no OpenVINO for $(uname -m)" ;;
    esac
    target=${CARGO_TARGET_DIR:-target}/openvino
    # Written last.
    if [ -f "$target/version" ] && [ "$(cat "$target/version")" = "$OPENVINO_VERSION" ]; then return 0; fi
    say "fetching OpenVINO $OPENVINO_VERSION"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    pip=$(command -v pip || command -v pip3) || fail "there is no pip to fetch OpenVINO with; install python3-pip"
    "$pip" download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --platform "$platform" -d "$folder" "openvino==$OPENVINO_VERSION" ||
        fail "pip could not fetch openvino $OPENVINO_VERSION; is there a connection?"
    file=$(echo "$folder"/openvino-*.whl)
    echo "$wheel  $file" | sha256sum -c --status || fail "the fetched OpenVINO has another checksum than the pinned one; not used"
    if command -v unzip >/dev/null 2>&1; then
        unzip -q -o "$file" 'openvino/libs/*' -d "$folder"
    else
        python3 -m zipfile -e "$file" "$folder"
    fi
    mkdir -p "${target%/*}"
    rm -rf "$target"
    mv "$folder/openvino/libs" "$target"
    echo "$OPENVINO_VERSION" >"$target/version"
}

case ${1:-build} in
build)
    check_rust
    install_packages "${2:-}"
    fetch_runtime "$(uname -m)"
    if [ "${2:-}" = test ]; then
        ./setup.sh openvino || say "the tests of the engine OpenVINO will be skipped"
    fi ;;
openvino) fetch_openvino ;;
runtime) fetch_runtime "${2:-$(uname -m)}" ;;
*) fail "usage: $0 [build [test]|runtime [ARCH]|openvino]" ;;
esac
