package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// openAndCloseStore is the child role "open".
func openAndCloseStore(path string) error {
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	return store.Close()
}

// wantRefusal checks that Open refuses with the reason and with one line that
// contains the path and the text.
func wantRefusal(t *testing.T, path string, reason error, text string) {
	t.Helper()
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err == nil {
		mustClose(t, store)
		t.Fatalf("Open(%q) = nil, want %v", path, reason)
	}
	if reason != nil && !errors.Is(err, reason) {
		t.Errorf("Open(%q) = %v, want %v", path, err, reason)
	}
	for _, part := range []string{"open store ", path, text} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("Open(%q) = %q, want %q in it", path, err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("Open(%q) = %q, want one line", path, err)
	}
}

func TestOpenRefusesASecondOwner(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, sqlite.Options{Path: path})
	pid := strconv.Itoa(os.Getpid())
	wantRefusal(t, path, sqlite.ErrInUse, "this process (pid "+pid+")")

	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(context.Background(), sqlite.Options{Path: link}); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("Open(symbolic link to the file) = %v, want ErrInUse", err)
	}

	cmd := childProcess(t, "open", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "already in use by process "+pid) {
		t.Errorf("Open in a second process: %v, %q, want it to name process %s", err, stderr.String(), pid)
	}

	mustClose(t, store)
	if err := childProcess(t, "open", path).Run(); err != nil {
		t.Errorf("Open in a second process after Close = %v", err)
	}
}

func TestOpenRefusesForeignFiles(t *testing.T) {
	t.Parallel()
	// valid creates a file of ours and changes it with a statement.
	valid := func(statement string) func(string) error {
		return func(path string) error {
			return errors.Join(openAndCloseStore(path), sqlite.ExecOnFile(path, statement))
		}
	}
	tests := map[string]struct {
		prepare func(path string) error
		reason  error
		text    string
	}{
		"not a database": {
			func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("ts,value\n"), 500), 0o600) },
			sqlite.ErrForeignFile, "not a file of this program",
		},
		"a database of another program": {
			func(path string) error { return sqlite.ExecOnFile(path, "CREATE TABLE theirs (a)") },
			sqlite.ErrForeignFile, "not a file of this program",
		},
		"a database marked by another program": {
			func(path string) error { return sqlite.ExecOnFile(path, "PRAGMA application_id = 7") },
			sqlite.ErrForeignFile, "not a file of this program",
		},
		"a newer schema": {valid("PRAGMA user_version = 999"), sqlite.ErrNewerSchema, "schema 999"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			if err := tt.prepare(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, path, tt.reason, tt.text)
			wantRefusal(t, path, tt.reason, tt.text) // no lock is left behind
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the refused file was changed: %v", err)
			}
		})
	}
}

func TestOpenRefusesUnusableDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, filepath.Join(file, "factory.db"), nil, "not a directory")
	wantRefusal(t, "/proc/factory.db", nil, "/proc/factory.db.lock")
	if err := os.Mkdir(filepath.Join(dir, "directory.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, filepath.Join(dir, "directory.db"), nil, "is a directory")
}

func TestOpenReportsAllBadOptions(t *testing.T) {
	t.Parallel()
	_, err := sqlite.Open(context.Background(), sqlite.Options{MaxSeries: -1, LogBytes: -1, SealPoints: 1 << 20})
	for _, name := range []string{"Path", "MaxSeries", "LogBytes", "SealPoints"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Open(bad options) = %v, want %s in it", err, name)
		}
	}
}

func TestOpenCreatesDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "factory?mode=ro&x#1.db")
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true})
	mustAppend(t, store, []factory.Reading{readingAt("m", 1, 1)})
	for name, most := range map[string]fs.FileMode{filepath.Dir(path): 0o750, path: 0o640, path + "-wal": 0o640, path + ".lock": 0o640} {
		info, err := os.Stat(name)
		if err != nil {
			t.Errorf("after Open: %v", err)
		} else if mode := info.Mode().Perm(); mode&^most != 0 {
			t.Errorf("%s has mode %o, want at most %o", name, mode, most)
		}
	}
}

// TestDurabilitySettings checks the settings on which durability after a power
// cut depends.
func TestDurabilitySettings(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	if err := openAndCloseStore(path); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.ExecOnFile(path, "PRAGMA journal_mode = DELETE"); err != nil {
		t.Fatal(err)
	}
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true})
	if n, err := store.QueryInt("PRAGMA synchronous"); n != 2 || err != nil {
		t.Errorf("synchronous = %d, %v, want 2 (FULL)", n, err)
	}
	mustAppend(t, store, []factory.Reading{readingAt("m", 1, 1)})
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("write-ahead logging is not on again: %v", err)
	}
}

func TestNetworkFileSystems(t *testing.T) {
	t.Parallel()
	// From linux/magic.h and the sources of the file systems.
	for magic, want := range map[int64]string{
		0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "CIFS", 0xFE534D42: "SMB2", 0x01021997: "9p", 0x00C36400: "Ceph",
		0xEF53: "", 0x58465342: "", 0x9123683E: "", 0x01021994: "", 0x794C7630: "", 0x2FC12FC1: "", // ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS
	} {
		if got := sqlite.NetworkMagics[magic]; got != want {
			t.Errorf("file system %#x is network file system %q, want %q", magic, got, want)
		}
	}
	const mounts = `25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw
30 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
61 30 0:48 / /mnt/with\040space rw master:2 shared:9 - fuse.sshfs me@host:/ rw,user_id=0
62 30 0:49 / /mnt/usb rw - fuseblk /dev/sdb1 rw
garbage - line
63 30 0:50 / /mnt/bucket rw - fuse.s3fs s3fs rw
`
	for minor, want := range map[uint32]string{48: "fuse.sshfs", 49: "fuseblk", 50: "fuse.s3fs", 99: ""} {
		got := sqlite.MountType(strings.NewReader(mounts), 0, minor)
		if got != want {
			t.Errorf("MountType(0:%d) = %q, want %q", minor, got, want)
		}
		if network := strings.HasPrefix(want, "fuse."); sqlite.NetworkFuse[strings.TrimPrefix(got, "fuse.")] != network {
			t.Errorf("FUSE type %q: network %v, want %v", got, !network, network)
		}
	}
}

func TestOpenStopsWhenContextEnds(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true})
	mustAppend(t, store, []factory.Reading{readingAt("m", 1, 1)})
	mustClose(t, store)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sqlite.Open(ctx, sqlite.Options{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open(ended context) = %v, want context.Canceled", err)
	}
	again := mustOpen(t, sqlite.Options{Path: path})
	if got := fmt.Sprint(history(t, again, "m", "v")); got != "[{1 1}]" {
		t.Errorf("History = %s, want [{1 1}]", got)
	}
}

// TestOpenAfterUnfinishedFirstStart: an interrupted first start leaves a file
// that the next one completes.
func TestOpenAfterUnfinishedFirstStart(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	for name, prepare := range map[string]func() error{
		"an empty file":        func() error { return os.WriteFile(path, nil, 0o600) },
		"pragmas, no table":    func() error { return sqlite.ExecOnFile(path, "PRAGMA journal_mode = WAL") },
		"a finished one again": func() error { return nil },
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		if err := openAndCloseStore(path); err != nil {
			t.Errorf("%s: Open = %v", name, err)
		}
	}
}
