#!/usr/bin/env python3
"""Kills a virtual machine at random moments while a program in it writes, and checks what its disk holds.

The program prints lines that begin with "ACK " for what it claims to be durable. {data} in its arguments is the mounted
disk's folder, {nonce} differs every round. After each kill the verifier runs on this machine: {data} is a copy of the
disk's files after the journal's replay, {acks} a file with all acknowledgements of all rounds. Exit code of the verifier:
0 everything is there.

Exit codes here: 0 as expected, 1 not, 77 skipped (says why).
"""
import argparse
import collections
import glob
import json
import os
import random
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"]

# The guest's first process. Everything up to READY happens once: the machine's state is saved there and restored for each
# round. The disk's driver is loaded behind it, so that nothing of a disk is remembered from an earlier round.
INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t tmpfs tmp /tmp
for m in {early}; do $b insmod /modules/$m.ko; done
$b stty -echo
echo READY
read -r nonce
$b insmod /modules/virtio_blk.ko
$b mount -t ext4 -o {mount} /dev/vda /data || echo NO-DISK
echo MOUNTED
export nonce
/bin/busybox sh /run.sh
echo "ENDED $?"
$b sleep 1000
"""


def skip(reason):
    print(f"power-cut: skipped: {reason}")
    sys.exit(77)


def find_kernel():
    for kernel in sorted(glob.glob("/boot/vmlinuz-*-cloud-amd64") + glob.glob("/boot/vmlinuz-*-amd64"), reverse=True):
        release = os.path.basename(kernel)[len("vmlinuz-"):]
        if os.path.isdir(f"/lib/modules/{release}/kernel"):
            return kernel, release
    return None, None


def libraries(program):
    """What the dynamic linker loads for this program, and the linker itself."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"(/\S+\.so\S*)", told)))


class Guest:
    """What is in the machine: an initramfs with the program, its libraries, busybox and the disk's driver."""

    def __init__(self, work, program, extra, mount):
        self.kernel, release = find_kernel()
        self.initrd = os.path.join(work, "initrd")
        root = os.path.join(work, "root")
        for folder in ["bin", "dev", "proc", "tmp", "data", "modules"]:
            os.makedirs(os.path.join(root, folder))
        shutil.copy("/usr/bin/busybox", os.path.join(root, "bin/busybox"))
        early = []
        for module in MODULES:
            found = glob.glob(f"/lib/modules/{release}/kernel/**/{module}.ko*", recursive=True)
            if not found:
                continue  # built into the kernel
            if not found[0].endswith(".ko"):
                skip(f"the module {found[0]} is compressed")
            shutil.copy(found[0], os.path.join(root, "modules"))
            if module != "virtio_blk":
                early.append(module)
        for source, target in [(program[0], program[0])] + extra:
            for file in {source: target, **{x: x for x in libraries(source)}}.items():
                place = root + os.path.abspath(file[1])
                os.makedirs(os.path.dirname(place), exist_ok=True)
                shutil.copy(file[0], place)
        with open(os.path.join(root, "init"), "w") as out:
            out.write(INIT.format(early=" ".join(early), mount=mount))
        os.chmod(os.path.join(root, "init"), 0o755)
        with open(os.path.join(root, "run.sh"), "w") as out:
            words = [os.path.abspath(program[0])] + [w.replace("{data}", "/data").replace("{nonce}", "$nonce") for w in program[1:]]
            out.write("exec " + " ".join(words) + "\n")
        with open(self.initrd, "wb") as out:
            names = subprocess.run(["find", ".", "-print0"], cwd=root, capture_output=True, check=True).stdout
            subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, stdout=out, check=True)


class Machine:
    """One run of QEMU; its serial console as lines."""

    def __init__(self, guest, disk, incoming=None, control=None):
        command = ["qemu-system-x86_64", "-M", "pc", "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=64", "-m", "256",
                   "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
                   "-kernel", guest.kernel, "-initrd", guest.initrd,
                   "-append", "console=ttyS0 quiet loglevel=0 panic=-1 mitigations=off nokaslr audit=0 apparmor=0 "
                              "random.trust_cpu=on tsc=reliable no_timer_check cryptomgr.notests",
                   # Writes that the guest issues reach the file at once; what it only cached dies with it. That the file
                   # itself is not synced here does not matter: this machine goes on.
                   "-drive", f"id=disk,if=none,file={disk},format=raw,cache=unsafe",
                   "-device", "virtio-blk-pci,drive=disk"]
        if incoming:
            command += ["-incoming", f"exec:cat {incoming}"]
        if control:
            command += ["-qmp", f"unix:{control},server=on,wait=off"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.whole = collections.deque()
        self.rest = b""

    def line(self, until):
        """The next whole line, or None at the deadline or the end."""
        while not self.whole:
            left = until - time.monotonic()
            data = os.read(self.process.stdout.fileno(), 1 << 16) if left > 0 and self.selector.select(left) else b""
            if not data:
                return None
            *whole, self.rest = (self.rest + data).split(b"\n")
            self.whole.extend(whole)
        return self.whole.popleft().decode(errors="replace").rstrip("\r")

    def wait_for(self, text, seconds):
        seen, deadline = [], time.monotonic() + seconds
        while (line := self.line(deadline)) is not None:
            seen.append(line)
            if line.startswith(text):
                return line
        self.kill()
        raise SystemExit(f"power-cut: the machine did not say {text} within {seconds} s; it said:\n" + "\n".join(seen[-20:]))

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def kill(self):
        """Cuts the power; the whole lines that were printed and not read yet. What was not printed was not acknowledged."""
        self.process.kill()
        self.process.wait()
        while chunk := self.process.stdout.read():
            self.rest += chunk
        *whole, self.rest = self.rest.split(b"\n")
        self.whole.extend(whole)
        left = [line.decode(errors="replace").rstrip("\r") for line in self.whole]
        self.whole.clear()
        return left


def qmp(path, *commands):
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(path)
        stream = channel.makefile("rw")
        stream.readline()
        for command in ({"execute": "qmp_capabilities"},) + commands:
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            while True:
                answer = json.loads(stream.readline())
                if "error" in answer:
                    raise SystemExit(f"power-cut: {answer['error']['desc']}")
                if "return" in answer:
                    break
        return answer["return"]


def save_booted(guest, disk, work):
    """Boots once and saves the machine's state at READY."""
    state, control = os.path.join(work, "state"), os.path.join(work, "control")
    machine = Machine(guest, disk, control=control)
    try:
        machine.wait_for("READY", 90)
        qmp(control, {"execute": "migrate", "arguments": {"uri": f"exec:cat > {state}"}})
        deadline = time.monotonic() + 60
        while (status := qmp(control, {"execute": "query-migrate"}).get("status")) != "completed":
            if status == "failed" or time.monotonic() > deadline:
                raise SystemExit("power-cut: the machine's state could not be saved")
            time.sleep(0.1)
    finally:
        machine.kill()
    return state


def take_files(disk, work):
    """The disk's files as a mount after the cut would show them: a copy, its journal replayed."""
    copy, files = os.path.join(work, "copy"), os.path.join(work, "files")
    shutil.rmtree(files, ignore_errors=True)
    os.makedirs(files)
    subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
    checked = subprocess.run(["e2fsck", "-fy", copy], capture_output=True, text=True)
    if checked.returncode > 1:
        raise SystemExit("power-cut: the file system itself is damaged:\n" + checked.stdout)
    subprocess.run(["debugfs", "-R", f"rdump / {files}", copy], capture_output=True, check=True)
    os.remove(copy)
    return files


def run_round(guest, disk, state, work, number, chance, arguments, acks):
    """One power cut: how many acknowledgements came, and what the verifier says."""
    machine = Machine(guest, disk, incoming=state)
    lines = []
    try:
        machine.say(f"{arguments.seed}.{number}")
        machine.wait_for("MOUNTED", 30)
        lines.append(machine.wait_for("ACK ", 30))
        cut = time.monotonic() + chance.uniform(0, arguments.seconds)
        while (line := machine.line(cut)) is not None:
            lines.append(line)
    finally:
        lines += machine.kill()
    if any(line.startswith("ENDED") for line in lines):
        raise SystemExit(f"power-cut: round {number}: the program ended by itself:\n" + "\n".join(lines[-20:]))
    acknowledged = [line for line in lines if line.startswith("ACK ")]
    with open(acks, "a") as out:
        out.writelines(line + "\n" for line in acknowledged)
    files = take_files(disk, work)
    command = [word.replace("{data}", files).replace("{acks}", acks) for word in arguments.verifier.split()]
    verdict = subprocess.run(command, capture_output=True, text=True)
    return len(acknowledged), verdict.returncode, (verdict.stdout + verdict.stderr).strip().replace(work, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="program and arguments, with {data} and {nonce}")
    parser.add_argument("--verifier", required=True, help="verifier and arguments, with {data} and {acks}")
    parser.add_argument("--add", action="append", default=[], metavar="FILE[:AS]",
                        help="another file for the guest, with the libraries it needs")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.5, help="the cut comes up to this long after the first acknowledgement")
    parser.add_argument("--disk-mib", type=int, default=256)
    parser.add_argument("--mount", default="defaults", help="mount options of the disk")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments; printed")
    parser.add_argument("--expect-loss", action="store_true", help="succeed only if some round loses what was acknowledged")
    arguments = parser.parse_args()
    for tool in ["qemu-system-x86_64", "busybox", "cpio", "mkfs.ext4", "e2fsck", "debugfs"]:
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            skip(f"{tool} is not installed")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    kernel, _ = find_kernel()
    if not kernel or not os.access(kernel, os.R_OK):
        skip("no readable kernel with modules in /boot (package linux-image-cloud-amd64)")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 31)
    chance = random.Random(arguments.seed)
    program = arguments.program.split()
    extra = [tuple((word.split(":") * 2)[:2]) for word in arguments.add]

    with tempfile.TemporaryDirectory(prefix="hinomi-power.") as work:
        guest = Guest(work, program, extra, arguments.mount)
        disk, acks = os.path.join(work, "disk"), os.path.join(work, "acks")
        open(acks, "w").close()
        with open(disk, "wb") as out:
            out.truncate(arguments.disk_mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
        began = time.monotonic()
        state = save_booted(guest, disk, work)
        print(f"power-cut: {os.path.basename(kernel)} booted in {time.monotonic() - began:.1f} s, seed {arguments.seed}", flush=True)
        total, losses, began = 0, 0, time.monotonic()
        rounds = 0
        for number in range(1, arguments.rounds + 1):
            count, code, words = run_round(guest, disk, state, work, number, chance, arguments, acks)
            total += count
            rounds += 1
            print(f"round {number}: {count} acknowledgements, {'held' if code == 0 else 'NOT held'}: {words}", flush=True)
            if code != 0:
                losses += 1
                break
        took = (time.monotonic() - began) / max(rounds, 1)
        verdict = "nothing acknowledged was lost" if losses == 0 else "LOSS"
        print(f"power-cut: {rounds} rounds, {total} acknowledgements, {took:.1f} s a round: {verdict}"
              + (" (expected: the program does not sync)" if arguments.expect_loss else ""))
        sys.exit(0 if (losses > 0) == arguments.expect_loss else 1)


if __name__ == "__main__":
    main()
