package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

func TestBackup(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true, SealPoints: 64})
	stop, ended := make(chan struct{}), make(chan error, 1)
	var mu sync.Mutex
	acknowledged := int64(0)
	go func() {
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := store.Append(context.Background(), []factory.Reading{readingAt("a", 2*i, 1), readingAt("a", 2*i+1, 1)}); err != nil {
				ended <- err
				return
			}
			mu.Lock()
			acknowledged = 2*i + 2
			mu.Unlock()
		}
	}()
	for i, back := range []func(to string) error{
		func(to string) error { return store.Backup(context.Background(), to) },
		func(to string) error { return sqlite.Backup(context.Background(), path, to) },
	} {
		waitFor(t, "some readings", func() bool { mu.Lock(); defer mu.Unlock(); return acknowledged > int64(i+1)*200 })
		mu.Lock()
		least := acknowledged
		mu.Unlock()
		to := newPath(t)
		if err := back(to); err != nil {
			t.Fatalf("Backup = %v", err)
		}
		if err := back(to); !errors.Is(err, factory.ErrConflict) {
			t.Errorf("Backup over a file = %v, want ErrConflict", err)
		}
		if files, err := os.ReadDir(filepath.Dir(to)); err != nil || len(files) != 1 {
			t.Errorf("beside the backup there is %v, %v, want nothing", files, err)
		}
		copied := mustOpen(t, sqlite.Options{Path: to, AutoRegister: true})
		got := history(t, copied, "a", "v")
		if int64(len(got)) < least || len(got)%2 != 0 {
			t.Errorf("the backup has %d points, want at least %d and whole appends", len(got), least)
		}
		for i, p := range got {
			if p.ObservedAt != int64(i) {
				t.Fatalf("point %d of the backup is %v", i, p)
			}
		}
		mustAppend(t, copied, []factory.Reading{readingAt("b", 1, 1)})
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("Append beside the backup = %v", err)
	}
	if err := store.Backup(context.Background(), filepath.Join(t.TempDir(), "no", "such", "place")); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Backup to no directory = %v, want ErrUnavailable", err)
	}
	if err := sqlite.Backup(context.Background(), newPath(t), newPath(t)); !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("Backup of no store = %v, want ErrNotFound", err)
	}
}
