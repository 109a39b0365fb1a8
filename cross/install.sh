#!/bin/sh
# Installs, on Debian or Ubuntu, what edgecam is cross-built for aarch64 with.
#   compilers   the C compiler, headers and tools: all that the image for `cross` needs
#   build       the same and Rust's library for the target
#   test        an emulator, and the libraries that the program needs in it
# Does nothing twice. The settings that go with it are in .cargo/config.toml.
set -eu

TARGET=aarch64-unknown-linux-gnu
QEMU_MINIMUM=8

say() { printf 'cross: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo "$@"; else
        fail "not root and no sudo without a password; please run as root: $*"
    fi
}

# Installs those of the packages that are not there.
need() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    have apt-get || fail "please install:$missing"
    say "installing$missing"
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of packages
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

compilers() {
    # gcc and libc6-dev are for the build scripts, which run here; bindgen reads the target's kernel headers.
    need gcc libc6-dev make cmake libclang-dev pkg-config \
        gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross
}

# Rust's library for the target: rustup's, or that of Debian's own compiler.
rust() {
    if has_target; then return 0; fi
    if have rustup; then
        say "fetching Rust's library for $TARGET"
        rustup target add "$TARGET" && return 0
        fail "rustup could not fetch Rust's library for $TARGET; is there a connection?"
    fi
    dpkg --print-foreign-architectures | grep -qx arm64 || as_root dpkg --add-architecture arm64
    need rustc-web cargo-web libstd-rust-web-dev:arm64
    has_target || fail "$(command -v rustc) has no library for $TARGET; install Rust with rustup (https://rustup.rs)"
}

has_target() {
    have rustc && [ -d "$(rustc --print target-libdir --target "$TARGET" 2>/dev/null)" ]
}

qemu_version() {
    qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || return 0
    "$qemu" --version | sed -n 's/.*version \([0-9]*\).*/\1/p'
}

# Whether this machine runs programs of the target as if they were its own.
runs_target() {
    [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]
}

# The kernel is told by hand where no service of the package does so, as in a container: binfmt_misc(5), and the
# first 20 bytes of an ELF file for AArch64.
register() {
    if runs_target; then return 0; fi
    folder=/proc/sys/fs/binfmt_misc
    [ -e $folder/register ] || as_root mount -t binfmt_misc binfmt_misc $folder || fail "this kernel has no binfmt_misc"
    if runs_target; then return 0; fi
    say "registering $(command -v qemu-aarch64) for programs of the target"
    magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":qemu-aarch64:M::$magic:$mask:$(command -v qemu-aarch64):OF" | as_root tee $folder/register >/dev/null
}

# Older ones show the runtime the processor of this machine, which ends it. Bookworm has a newer one in its backports.
emulator() {
    version=$(qemu_version)
    [ "${version:-0}" -lt "$QEMU_MINIMUM" ] || return 0
    . /etc/os-release
    if [ "${VERSION_CODENAME:-}" = bookworm ]; then
        apt-cache policy | grep -q bookworm-backports || backports
        as_root apt-get update -qq
        say "installing qemu-user from bookworm-backports"
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends -t bookworm-backports qemu-user >/dev/null
    else
        need qemu-user
    fi
}

# From the mirror that the rest of the system comes from.
backports() {
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    [ -n "$mirror" ] || fail "apt knows no mirror of Debian; add bookworm-backports to its sources"
    say "adding bookworm-backports to apt's sources"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" |
        as_root tee /etc/apt/sources.list.d/backports-for-edgecam.list >/dev/null
}

case ${1:-build} in
compilers) compilers ;;
build) compilers; rust ;;
test) emulator; register; need libstdc++6-arm64-cross ;;
*) fail "usage: $0 [compilers|build|test]" ;;
esac
