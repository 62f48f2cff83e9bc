package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// faultDiskOptions returns a disk that can fail and options of a busy store on
// it.
func faultDiskOptions(t *testing.T, path string) (*faultDisk, sqlite.Options) {
	t.Helper()
	disk := newFaultDisk(t, path)
	return disk, disk.options(path)
}

// options returns those of a busy store on d.
func (d *faultDisk) options(path string) sqlite.Options {
	return sqlite.Options{Path: path, AutoRegister: true, SealPoints: 64, SealAfter: time.Millisecond}.WithTuning(sqlite.Tuning{
		SealEvery: time.Millisecond, MaintainEvery: time.Millisecond, ProbeEvery: 2 * time.Millisecond, VFS: faultVFS, OpenWAL: d.openWAL,
	})
}

// powerCut is what a power cut would leave, and what was acknowledged before.
type powerCut struct {
	files        map[string][]byte
	acknowledged map[string]int64
}

// powerCutRecorder records the effect of power cuts at random operations.
type powerCutRecorder struct {
	disk   *faultDisk
	random *rand.Rand
	oneIn  int
	most   int
	counts [killClients]atomic.Int64
	cuts   []powerCut
}

// maybeCut is a rule that lets every operation succeed.
func (c *powerCutRecorder) maybeCut(diskOp) diskFault {
	if len(c.cuts) < c.most && c.random.IntN(c.oneIn) == 0 {
		// Count first, so that the image contains what was acknowledged.
		acknowledged := make(map[string]int64)
		for client := range c.counts {
			acknowledged[killMachine(client)] = c.counts[client].Load()
		}
		c.cuts = append(c.cuts, powerCut{c.disk.imageLocked(c.random), acknowledged})
	}
	return diskFault{}
}

// check opens the store after each power cut.
func (c *powerCutRecorder) check(t *testing.T) {
	t.Helper()
	if len(c.cuts) < c.most/2 {
		t.Fatalf("%d pictures were taken, want about %d", len(c.cuts), c.most)
	}
	for i, cut := range c.cuts {
		path := newPath(t)
		for name, content := range cut.files {
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		checkWritten(t, path, cut.acknowledged)
		if t.Failed() {
			t.Fatalf("that was picture %d, %v acknowledged", i, cut.acknowledged)
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
}

// write lets each client append n times. It repeats an append that fails,
// which may or may not have become durable.
func (c *powerCutRecorder) write(t *testing.T, store *sqlite.Store, n int64) (failed int64) {
	t.Helper()
	var wg sync.WaitGroup
	var failures atomic.Int64
	for client := range killClients {
		wg.Go(func() {
			from := c.counts[client].Load()
			for i := from + 1; i <= from+n; {
				_, err := store.Append(context.Background(), killReadings(client, i))
				switch {
				case err == nil:
					c.counts[client].Store(i)
					i++
				case errors.Is(err, factory.ErrUnavailable) || errors.Is(err, factory.ErrOverloaded):
					failures.Add(1)
				default:
					t.Errorf("Append = %v, want ErrUnavailable", err)
					return
				}
			}
		})
	}
	wg.Wait()
	return failures.Load()
}

// TestPowerCut: after a power cut all acknowledged readings are there,
// whatever part of the unsynced writes reached the disk.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	disk, options := faultDiskOptions(t, path)
	c := &powerCutRecorder{disk: disk, random: rand.New(rand.NewPCG(7, 8)), oneIn: 10, most: 60}
	store := mustOpen(t, options)
	disk.setRule(c.maybeCut)
	c.write(t, store, 150)
	disk.setRule(nil)
	mustClose(t, store)
	c.check(t)
	checkWritten(t, path, map[string]int64{killMachine(0): 150, killMachine(1): 150, killMachine(2): 150})
}

// TestFailingDisk: while writes and syncs fail, nothing is acknowledged that a
// power cut would lose, and the store recovers.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		kind  string
		oneIn int
		fault diskFault
	}{
		"syncs fail":            {"sync", 8, diskFault{code: sqlite3.SQLITE_IOERR_FSYNC}},
		"writes fail":           {"write", 40, diskFault{code: sqlite3.SQLITE_IOERR_WRITE}},
		"writes are torn":       {"write", 40, diskFault{code: sqlite3.SQLITE_IOERR_WRITE, torn: true}},
		"the disk is full":      {"write", 40, diskFault{code: sqlite3.SQLITE_FULL}},
		"the disk is read-only": {"write", 40, diskFault{code: sqlite3.SQLITE_READONLY}},
		"truncates fail":        {"truncate", 2, diskFault{code: sqlite3.SQLITE_IOERR_TRUNCATE}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			disk, options := faultDiskOptions(t, path)
			c := &powerCutRecorder{disk: disk, random: rand.New(rand.NewPCG(9, 10)), oneIn: 6, most: 20}
			store := mustOpen(t, options)
			c.write(t, store, 5)
			left := 0
			disk.setRule(func(op diskOp) diskFault {
				c.maybeCut(op)
				if op.kind != fault.kind {
					return diskFault{}
				}
				if left == 0 && c.random.IntN(fault.oneIn) == 0 {
					left = 1 + c.random.IntN(6) // faults come in bursts
				}
				if left > 0 {
					left--
					return fault.fault
				}
				return diskFault{}
			})
			failed := c.write(t, store, 60)
			if failed == 0 && fault.kind != "truncate" {
				t.Error("no append failed: the test shows nothing")
			}
			disk.setRule(nil)
			waitFor(t, "the store to recover", func() bool { return store.Ready() == nil })
			c.write(t, store, 5)
			for client := range killClients {
				checkClient(t, store, client, 70)
			}
			mustClose(t, store)
			checkWritten(t, path, map[string]int64{killMachine(0): 70, killMachine(1): 70, killMachine(2): 70})
			c.check(t)
			t.Log(fmt.Sprint(failed, " appends failed"))
		})
	}
}

// TestKillAfterFailedSync: after a failed sync and a kill, the log shows more
// than is on disk. What the next process acknowledges on top of it survives a
// power cut.
func TestKillAfterFailedSync(t *testing.T) {
	t.Parallel()
	disk, options := faultDiskOptions(t, newPath(t))
	first := mustOpen(t, options)
	c := &powerCutRecorder{disk: disk, random: rand.New(rand.NewPCG(11, 12)), oneIn: 6, most: 40}
	c.write(t, first, 5)
	disk.setRule(func(op diskOp) diskFault {
		if op.kind == "sync" {
			return diskFault{code: sqlite3.SQLITE_IOERR_FSYNC}
		}
		return diskFault{}
	})
	for range 3 {
		if _, err := first.Append(context.Background(), killReadings(0, 6)); !errors.Is(err, factory.ErrUnavailable) {
			t.Fatalf("Append = %v, want ErrUnavailable", err)
		}
	}
	path := newPath(t)
	c.disk = disk.after(t, path)
	disk.setRule(nil)
	mustClose(t, first)

	second := mustOpen(t, c.disk.options(path))
	c.disk.setRule(c.maybeCut)
	c.write(t, second, 60)
	c.disk.setRule(nil)
	mustClose(t, second)
	c.check(t)
}
