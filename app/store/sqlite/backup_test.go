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

// A backup contains the journal, and seq continues in it.
func TestBackupContainsJournal(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := mustOpen(t, sqlite.Options{Path: newPath(t), AutoRegister: true})
	event := factory.Event{Machine: "a", Kind: factory.EventState, ID: "1", Data: []byte(`{"state":"running"}`)}
	written, err := store.Write(ctx, factory.JournalBatch{
		Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: "early", Data: []byte(`{"name":"Early"}`)}},
		Events:    []factory.Event{event},
	})
	if err != nil {
		t.Fatal(err)
	}
	to := newPath(t)
	if err := store.Backup(ctx, to); err != nil {
		t.Fatalf("Backup = %v", err)
	}
	copied := mustOpen(t, sqlite.Options{Path: to, AutoRegister: true})
	if d, err := copied.Document(ctx, factory.DocumentShift, "early"); err != nil || d.Version != 1 || string(d.Data) != `{"name":"Early"}` {
		t.Errorf("Document of the backup = %+v, %v", d, err)
	}
	again, err := copied.Write(ctx, factory.JournalBatch{Events: []factory.Event{event, {Machine: "a", Kind: factory.EventState, Data: event.Data}}})
	if err != nil || !again.Events[0].Repeated || again.Events[1].Seq != written.Events[0].Seq+1 {
		t.Errorf("Write to the backup = %+v, %v, want the event repeated and the next seq", again, err)
	}
}
