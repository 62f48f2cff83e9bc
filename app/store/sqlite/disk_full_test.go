package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

const (
	fullBefore = 50 // appends before the disk is full
	fullAfter  = 20 // appends once it has space again
)

// runOnFullDisk is the child role "full". For a while, files must not grow,
// which SQLite handles like a full disk except for the error number. The
// acknowledged readings have the times 1 to fullBefore+fullAfter.
func runOnFullDisk(path string) error {
	signal.Ignore(syscall.SIGXFSZ) // the kernel sends it along with the error
	faults := make(chan error, 16)
	store, err := sqlite.Open(context.Background(), sqlite.Options{
		Path: path, AutoRegister: true, OnFault: func(err error) { faults <- err },
	}.WithTuning(sqlite.Tuning{ProbeEvery: 5 * time.Millisecond}))
	if err != nil {
		return err
	}
	var next int64
	appendOne := func() error {
		_, err := store.Append(context.Background(), []factory.Reading{readingAt("m", next+1, float64(next+1))})
		if err == nil {
			next++
		}
		return err
	}
	for range fullBefore {
		if err := appendOne(); err != nil {
			return err
		}
		if next == fullBefore/2 {
			if err := errors.Join(store.SealNow(), wantPoints(store, next)); err != nil {
				return err
			}
		}
	}
	whole, err := limitFiles(4096)
	if err != nil {
		return err
	}
	// Repeat, so that the store also fails with a new connection.
	for range 5 {
		if err := appendOne(); !errors.Is(err, factory.ErrUnavailable) {
			return fmt.Errorf("append on a full disk: %w, want ErrUnavailable", err)
		}
		if err := store.Ready(); !errors.Is(err, factory.ErrUnavailable) {
			return fmt.Errorf("ready on a full disk: %w, want ErrUnavailable", err)
		}
		if err := wantPoints(store, next); err != nil {
			return fmt.Errorf("reading on a full disk: %w", err)
		}
	}
	if err := <-faults; err == nil {
		return errors.New("OnFault is told that all is well, want why it is not")
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &whole); err != nil {
		return err
	}
	for err := range faults { // the probe detects that there is space again
		if err == nil {
			break
		}
	}
	if err := store.Ready(); err != nil {
		return fmt.Errorf("ready when the disk is back: %w", err)
	}
	for range fullAfter {
		if err := appendOne(); err != nil {
			return fmt.Errorf("append when the disk is back: %w", err)
		}
	}
	fmt.Println("acknowledged", next)
	return errors.Join(wantPoints(store, next), store.Close())
}

// limitFiles limits the size of the files that this process writes. It returns
// the previous limit.
func limitFiles(bytes uint64) (before unix.Rlimit, err error) {
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		return before, err
	}
	return before, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: before.Max})
}

// wantPoints checks that the machine m has exactly the points 1 to n.
func wantPoints(store factory.Store, n int64) error {
	page, err := store.History(context.Background(), factory.HistoryQuery{Machine: "m", To: n + 100, Limit: 1000})
	if err != nil {
		return err
	}
	if len(page.Series) != 1 || int64(len(page.Series[0].Points)) != n {
		return fmt.Errorf("history is %v, want %d points", page.Series, n)
	}
	for i, p := range page.Series[0].Points {
		if p.ObservedAt != int64(i)+1 || p.Value != float64(i+1) {
			return fmt.Errorf("point %d is %v", i, p)
		}
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	cmd := childProcess(t, "full", path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if want := fmt.Sprintln("acknowledged", fullBefore+fullAfter); err != nil || string(out) != want {
		t.Fatalf("the process says %q, %v, %s, want %q", out, err, stderr.String(), want)
	}
	store := mustOpen(t, sqlite.Options{Path: path})
	if err := wantPoints(store, fullBefore+fullAfter); err != nil {
		t.Error(err)
	}
}
