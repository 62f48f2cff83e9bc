//go:build integration && powercut

package system_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// disk is an ext4 file system in an image file, mounted at dir.
type disk struct {
	t          *testing.T
	image, dir string
}

// newDisk creates a disk and mounts it until the test ends. It requires root.
func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("mounting a file system requires root")
	}
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir()}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, 256<<20); err != nil {
		t.Fatal(err)
	}
	d.run("mkfs.ext4", "-q", "-F", d.image)
	d.mount()
	t.Cleanup(d.unmount)
	return d
}

func (d *disk) run(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (d *disk) mount() {
	d.t.Helper()
	d.run("mount", "-o", "loop,errors=remount-ro", d.image, d.dir)
}

func (d *disk) unmount() {
	d.t.Helper()
	d.run("umount", d.dir)
}

// powerCut leaves the disk as a power cut would: everything that was not synced is
// lost, and all operations fail until the disk is mounted again.
func (d *disk) powerCut() {
	d.t.Helper()
	dir, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	const (
		shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
	)
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Fatal(err)
	}
}

// remountReadOnly makes the kernel treat the disk as after an I/O error: from then on
// it is read-only.
func (d *disk) remountReadOnly() {
	d.t.Helper()
	d.run("mount", "-o", "remount,abort", d.dir)
}

// repair checks the disk and mounts it again. No process may have files open on it.
func (d *disk) repair() {
	d.t.Helper()
	d.unmount()
	// Exit code 1 means that errors were corrected.
	out, err := exec.Command("e2fsck", "-p", d.image).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() > 1) {
		d.t.Fatalf("e2fsck: %v\n%s", err, out)
	}
	d.mount()
}

// failDisk makes the disk fail by calling fail, and stops the clients once readings are
// refused. Only readings acknowledged before the failure are checked later: while the
// disk fails, the kernel may report success for one sync that wrote nothing.
func (o *outageReadings) failDisk(p *process, ingest *loadGenerator, fail func()) {
	p.t.Helper()
	o.mu.Lock()
	durable := maps.Clone(o.last)
	o.mu.Unlock()
	fail()
	p.waitForOutage(o)
	ingest.stopAndCheck(p.t)
	o.last = durable
}

// killAndRepair kills the server and repairs the disk for the next one.
func (p *process) killAndRepair(d *disk) {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
	d.repair()
}

// A power cut at any moment loses no acknowledged reading. From then on the server
// refuses readings and reports the failing store.
func TestPowerCutLosesNoAcknowledgedReading(t *testing.T) {
	const cuts = 12
	d := newDisk(t)
	random := rand.New(rand.NewPCG(1, 2))
	o := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	for i := range cuts {
		p := start(t, d.dir)
		if i > 0 {
			o.checkStored(p)
		}
		before := o.accepted.Load()
		ingest := startLoad(p.addr, 8, nil, o.postNext)
		moment := before + 1 + random.Int64N(2_000)
		p.eventually("accepted readings", func() bool { return o.accepted.Load() > moment })
		o.failDisk(p, ingest, d.powerCut)
		p.killAndRepair(d)
	}
	o.checkStored(start(t, d.dir))
	t.Logf("%d acknowledged readings", o.accepted.Load())
}

// On a disk that became read-only after an error, readings are refused and reads are
// served. After the repair the server has every acknowledged reading.
func TestReadOnlyDiskServesReads(t *testing.T) {
	d := newDisk(t)
	p := start(t, d.dir)
	o := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	ingest, read := startLoadDuringOutage(p, o)
	o.failDisk(p, ingest, d.remountReadOnly)
	served := read.served.Load()
	p.eventually("served history requests", func() bool { return read.served.Load() > served+100 })
	read.stopAndCheck(t)
	o.checkStored(p)
	p.killAndRepair(d)
	p = start(t, d.dir)
	o.checkStored(p)
	ingest = startLoad(p.addr, 8, nil, o.postNext)
	p.waitForRecovery(o)
	ingest.stopAndCheck(t)
	o.checkStored(p)
}
