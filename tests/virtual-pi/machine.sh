# shellcheck shell=sh
# The virtual Pi as a machine: power, and a shell in it. Sourced by `run`; needs `arch`, `guest` (the folder of its
# disk) and `work` (a folder for this run).

port=${PORT:-22022}

# In the guest, as root.
pi() {
    ${patience:+timeout --foreground "$patience"} ssh -q -p "$port" -i "$guest/key" -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=4 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ControlMaster=auto -o "ControlPath=$work/ssh" -o ControlPersist=60 root@127.0.0.1 "$@"
}

# Files from here to the guest's /root.
to_pi() {
    tar -C "$(dirname "$1")" -cf - "$(basename "$1")" | pi 'tar -C /root --no-same-owner --touch -xf -'
}

power_on() {
    [ -e "$work/disk.qcow2" ] || qemu-img create -q -f qcow2 -b "$guest/disk.img" -F raw "$work/disk.qcow2"
    case $arch in
    amd64) set -- qemu-system-x86_64 -cpu max -append "root=/dev/vda rw console=ttyS0 quiet" ;;
    arm64) set -- qemu-system-aarch64 -M virt -cpu cortex-a72 -append "root=/dev/vda rw console=ttyAMA0 quiet" ;;
    esac
    # No KVM: what it offers differs from machine to machine, and one with it would be no test of the other.
    "$@" -accel tcg,thread=multi -m 2048 -smp 2 -display none -serial "file:$work/console.log" \
        -kernel "$guest/vmlinuz" -initrd "$guest/initrd" -pidfile "$work/qemu.pid" \
        -drive "file=$work/disk.qcow2,format=qcow2,if=virtio" -device virtio-rng-pci \
        -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=net \
        >"$work/qemu.log" 2>&1 &
    within 300 answers || { cat "$work/qemu.log"; tail -n 20 "$work/console.log"; return 1; }
}

# The plug is pulled: what the guest had not written to its disk is gone.
power_off_hard() {
    kill -9 "$(cat "$work/qemu.pid")"
    rm -f "$work/ssh"
}

reboot_pi() {
    before=$(pi cat /proc/sys/kernel/random/boot_id)
    pi systemctl reboot || true
    rm -f "$work/ssh"
    within 300 booted_since "$before"
}

# A connection that was made while the machine went down says nothing any more.
answers() { (patience=30; pi true 2>/dev/null); }
booted_since() { now=$(patience=30; pi cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$1" ]; }

# Until a command succeeds, at most so many seconds.
within() {
    seconds=$1
    shift
    end=$(($(date +%s) + seconds))
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.5
    done
}
