# shellcheck shell=sh
# The part inside the virtual Pi of the check of accelerators; sourced by guest.sh, whose helpers it uses.

# Where the service's user can read what is to be played, and leave what was done.
coral=/var/lib/edgecam/coral
play() { echo "$1" >$coral/control; }
accelerator_is() { retained edgecam/accelerators | grep -q "\"state\":\"$1\""; }
accelerator_told() { heard 'edgecam/accelerators' | sed -n 's/.*"reason":"\([^"]*\)".*/\1/p' | tail -n 1; }
# Which process has the delegate's code.
workers() { pgrep -u edgecam -f '^edgecam worker$'; }
worker() { pgrep -P "$(pid)" -f '^edgecam worker$'; }
another_worker() { [ -n "$(worker)" ] && [ "$(worker)" != "$1" ]; }
gone() { [ ! -e "/proc/$1" ]; }
# The played Coral sees a banana in every picture, the twin sees none.
coral_answers() { heard 'edgecam/cam/detections' | grep -q '"classes":\[{"label":"banana"'; }
twin_answers() { heard 'edgecam/cam/detections' | grep '"classes":\[' | grep -qv '"classes":\[{"label":"banana"'; }
configure_coral() {
    install -d -o edgecam -g edgecam $coral
    play ok
    configure_model "path = \"/srv/coral/things_edgetpu.tflite\"
accelerator = $1" 'files = { path = "/srv/photos/*.jpg", fps = 5, loop = true }' 'threshold = 0.05'
    subscribe
    mark
}
accelerator_works() {
    configure_coral "{ plugin = \"/srv/coral/libcoral.so\", options = { recording = \"/srv/coral/recording\", control = \"$coral/control\" } }"
    systemctl reload-or-restart edgecam || fail "not started: $(journalctl -u edgecam -n 3 -o cat)"
    within 60 accelerator_is ready || exit 1
    within 60 coral_answers || exit 1
    edgecam doctor >/root/doctor 2>&1 || true
    grep 'libcoral.so.* is ready' /root/doctor || fail "doctor does not say so: $(cat /root/doctor)"
}
worker_is_walled_in() {
    child=$(worker)
    [ -n "$child" ] || fail "the service has no such child: $(pgrep -u edgecam -a)"
    [ "$(stat -c %U "/proc/$child")" = edgecam ] || fail "it runs as $(stat -c %U "/proc/$child")"
    grep -q '/edgecam.service$' "/proc/$child/cgroup" || fail "it is in $(cat "/proc/$child/cgroup")"
    for wall in 'CapEff:.0000000000000000' 'NoNewPrivs:.1' 'Seccomp:.2'; do
        grep -q "^$wall$" "/proc/$child/status" || fail "$wall does not hold: $(cat "/proc/$child/status")"
    done
    ! ls -l "/proc/$child/fd" | grep -E 'outbox|edgecam.toml|inet' || fail "it has what is not its own"
    grep -q " $child$" $coral/control.status || fail "it was not the delegate's process: $(tail -n 1 $coral/control.status)"
    echo "user edgecam, in edgecam.service, no capability, system calls filtered, $(find "/proc/$child/fd" -mindepth 1 | wc -l) descriptors"
}
accelerator_fails() {
    process=$(pid) told=
    mark
    start=$(cat /root/mark)
    for round in 1 2 3; do
        for fault in hang segfault; do
            child=$(worker)
            mark
            play $fault
            within 60 accelerator_is failed || exit 1
            within 60 twin_answers || exit 1
            [ $round != 1 ] || told="$told${told:+, }$(accelerator_told)"
            mark
            play ok
            within 60 accelerator_is ready || exit 1
            within 60 coral_answers || exit 1
            another_worker "$child" || fail "$fault: process $child is still there"
            [ "$(workers | wc -l)" = 1 ] || fail "$fault: there are $(workers | wc -l) processes"
        done
        [ $round != 1 ] || first="$(descriptors) $(threads)"
    done
    [ "$(pid)" = "$process" ] || fail "another process"
    # shellcheck disable=SC2086 # two numbers
    within 30 as_few $first || fail "descriptors, threads were $first, are $(descriptors) $(threads)"
    mark
    within 20 heard -q 'edgecam/stats' || exit 1
    heard 'edgecam/stats' | tail -n 1 | grep -q '"unanswered":0' || fail "frames were not answered: $(heard 'edgecam/stats')"
    echo "$start" >/root/mark
    gap=$(heard 'edgecam/cam/detections' | awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.1f", gap }')
    echo "$told, three times each; every frame is answered, none more than $gap s after another; descriptors and threads $first after one round, no more after three"
}
accelerator_stops() {
    for fault in ok hang; do
        play $fault
        [ $fault = ok ] || within 60 accelerator_is failed || exit 1
        start=$(date +%s%N)
        systemctl stop edgecam
        took="${took:-}${took:+, }$((($(date +%s%N) - start) / 1000000)) ms"
        [ -z "$(pgrep -u edgecam)" ] || fail "left: $(pgrep -u edgecam -a)"
        [ "$(property Result)" = success ] || fail "it ended with $(property Result)"
        # What hangs is ended by systemd, if that is faster than the process itself.
        [ $fault = hang ] || ! journalctl -u edgecam -b -o cat -q --since -30s | grep 'Killing process' || fail "systemd had to kill"
        play ok
        systemctl start edgecam
        within 60 accelerator_is ready || exit 1
    done
    echo "after $took, the second while it hung"
}
accelerator_is_killed() {
    process=$(pid) child=$(worker)
    kill -9 "$process"
    within 10 gone "$child" || fail "process $child is left"
    within 60 another_pid "$process" || exit 1
    mark
    within 60 coral_answers || exit 1
    [ "$(workers | wc -l)" = 1 ] || fail "there are $(workers | wc -l) processes"
    echo "process $child went too, the service is back with one"
}
accelerator_is_let_go() {
    process=$(pid)
    configure_photos
    systemctl reload edgecam || fail "reload refused it"
    without() { [ -z "$(workers)" ]; }
    within 10 without || fail "left: $(workers)"
    [ -z "$(retained edgecam/accelerators)" ] || fail "still told: $(retained edgecam/accelerators)"
    [ "$(pid)" = "$process" ] || fail "another process"
    is_seeing
}

# A USB device with a Coral's numbers: what the system sees of one, the kernel plays.
gadget=/sys/kernel/config/usb_gadget/coral
make_usb_coral() {
    modprobe -a dummy_hcd libcomposite || fail "the kernel plays no USB devices"
    mkdir -p $gadget/functions/Loopback.0 $gadget/configs/c.1
    echo 0x18d1 >$gadget/idVendor
    echo 0x9302 >$gadget/idProduct
    ln -s $gadget/functions/Loopback.0 $gadget/configs/c.1/
}
plug_in_usb_coral() { echo dummy_udc.0 >$gadget/UDC; }
unplug_usb_coral() { echo >$gadget/UDC; }
usb_coral() { for ids in /sys/bus/usb/devices/*/idProduct; do grep -qx 9302 "$ids" && dirname "$ids" && return; done; }
usb_coral_works() {
    make_usb_coral
    plug_in_usb_coral
    within 10 usb_coral || exit 1
    udevadm settle
    node=/dev/$(sed -n 's/^DEVNAME=//p' "$(usb_coral)/uevent")
    [ "$(stat -c '%A %U:%G' "$node")" = 'crw-rw---- root:plugdev' ] || fail "$(stat -c '%A %U:%G %n' "$node")"
    # The library's options are for the Coral, so the player hears of the files from the environment.
    mkdir -p /run/systemd/system/edgecam.service.d
    printf '[Service]\nEnvironment=CORAL_RECORDING=/srv/coral/recording CORAL_CONTROL=%s/control\n' $coral \
        >/run/systemd/system/edgecam.service.d/coral.conf
    systemctl daemon-reload
    configure_coral '{ edgetpu = "usb", library = "/srv/coral/libcoral.so" }'
    systemctl restart edgecam || fail "not started: $(journalctl -u edgecam -n 3 -o cat)"
    within 60 accelerator_is ready || exit 1
    within 60 coral_answers || exit 1
    grep '^answer\|^unknown' $coral/control.status | tail -n 1 | grep -q ' usb:0 ' || fail "$(tail -n 1 $coral/control.status)"
    stat -c '%A %U:%G %n' "$node"
}
usb_coral_is_reset() {
    before=$(dmesg | grep -c 'reset .* USB device')
    play hang
    within 60 accelerator_is failed || exit 1
    was_reset() { [ "$(dmesg | grep -c 'reset .* USB device')" -gt "$before" ]; }
    within 30 was_reset || fail "$(journalctl -u edgecam -b -o cat -q | grep 'reset at' | tail -n 1)"
    within 10 journal_says 'coral 1-1: reset at /dev/bus/usb/' || exit 1
    play ok
    within 60 accelerator_is ready || exit 1
    journal_says 'coral 1-1: reset at /dev/bus/usb/' && dmesg | grep 'reset .* USB device' | tail -n 1
}
usb_coral_may_not_be_opened() {
    systemctl stop edgecam
    node=/dev/$(sed -n 's/^DEVNAME=//p' "$(usb_coral)/uevent")
    chmod 600 "$node"
    mark
    systemctl start edgecam
    within 60 accelerator_is failed || exit 1
    within 60 twin_answers || exit 1
    told=$(accelerator_told)
    case $told in *'Permission denied'*'group plugdev'*) ;; *) fail "the reason is: $told" ;; esac
    chmod 660 "$node"
    mark
    within 60 accelerator_is ready || exit 1
    within 60 coral_answers || exit 1
    echo "$told"
}
usb_coral_comes_back() {
    process=$(pid)
    mark
    play vanish
    unplug_usb_coral
    within 60 accelerator_is absent || exit 1
    within 60 twin_answers || exit 1
    told=$(accelerator_told)
    mark
    play ok
    plug_in_usb_coral
    within 60 accelerator_is ready || exit 1
    within 60 coral_answers || exit 1
    [ "$(pid)" = "$process" ] || fail "another process"
    echo "$told, then ready"
}
usb_coral_is_used_by_itself() {
    process=$(pid)
    configure_photos
    systemctl reload edgecam || fail "reload refused it"
    is_seeing
    [ -z "$(workers)" ] || fail "left: $(workers)"
    # Where the library's own package puts it.
    ln -s /srv/coral/libcoral.so "/usr/lib/$(uname -m)-linux-gnu/libedgetpu.so.1"
    configure_coral '"auto"'
    systemctl reload edgecam || fail "reload refused it"
    within 60 accelerator_is ready || exit 1
    within 60 coral_answers || exit 1
    [ "$(pid)" = "$process" ] || fail "another process"
    edgecam doctor >/root/doctor 2>&1 || true
    grep 'coral .* is ready' /root/doctor || fail "doctor does not say so: $(cat /root/doctor)"
    rm -r /run/systemd/system/edgecam.service.d "/usr/lib/$(uname -m)-linux-gnu/libedgetpu.so.1"
    systemctl daemon-reload
}
