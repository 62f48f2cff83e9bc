package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fileLock is the exclusive lock of one Store on its database file. SQLite
// would admit a second process, and the latest values in memory would become
// wrong.
type fileLock struct {
	file *os.File
}

// lockFile locks path until unlock or the end of the process. The file is
// never removed, because two stores could then hold locks on different files
// of the same name.
func lockFile(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer func() { _ = file.Close() }()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w by %s", ErrInUse, owner(file))
		}
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	if err := writeOwner(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("write %q: %w", path, err)
	}
	return &fileLock{file: file}, nil
}

func writeOwner(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// owner names the process that holds the lock, if its file says so.
func owner(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil || convErr != nil || pid <= 0:
		return "another process"
	case pid == os.Getpid():
		return fmt.Sprintf("this process (pid %d)", pid)
	}
	return fmt.Sprintf("process %d", pid)
}

// unlock releases the lock explicitly. Closing the descriptor is not enough,
// since a child process that is just starting may have a copy of it.
func (l *fileLock) unlock() error {
	err := unix.Flock(int(l.file.Fd()), unix.LOCK_UN)
	return errors.Join(err, l.file.Close())
}
