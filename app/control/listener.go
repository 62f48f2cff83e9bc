package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// exclusiveListener is a Unix listener and a lock on its path.
type exclusiveListener struct {
	socket *net.UnixListener
	path   string
	info   os.FileInfo // of the socket file, so that close removes no other
	lockFD int         // the lock lasts until this descriptor is closed
}

// listenExclusive listens on a Unix socket at path. It replaces the socket of a
// process that has ended. A socket with a listener is ErrInUse, and any other
// file is an error.
func listenExclusive(path string) (*exclusiveListener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if longest := len(unix.RawSockaddrUnix{}.Path) - 1; len(path) > longest {
		return nil, fmt.Errorf("control socket %s: the path has %d bytes, but the system allows %d", path, len(path), longest)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	lock, err := lockPath(path)
	if err != nil {
		return nil, err
	}
	listener, err := listen(path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err = removeStale(path); err == nil {
			listener, err = listen(path)
		}
	}
	if err != nil {
		_ = unix.Close(lock)
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l := &exclusiveListener{socket: listener, path: path, lockFD: lock}
	if l.info, err = os.Lstat(path); err == nil && l.info.Mode().Perm() != 0o600 {
		err = fmt.Errorf("the system created it with mode %v", l.info.Mode())
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return l, nil
}

// close closes the listener, removes its socket file unless that was replaced,
// and releases the lock.
func (l *exclusiveListener) close() {
	_ = l.socket.Close()
	if now, err := os.Lstat(l.path); err == nil && l.info != nil && os.SameFile(now, l.info) {
		_ = os.Remove(l.path)
	}
	_ = unix.Close(l.lockFD)
}

// lockPath locks path against other processes, which could otherwise remove each
// other's socket. The lock is a file beside it, in the same directory: a name in the
// kernel's abstract namespace could be taken by any user. The file stays.
func lockPath(path string) (fd int, err error) {
	fd, err = unix.Open(path+".lock", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return -1, fmt.Errorf("control socket %s: lock: %w", path, err)
	}
	if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		return fd, nil
	}
	_ = unix.Close(fd)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return -1, fmt.Errorf("control socket %s: %w%s", path, ErrInUse, describeOwner(path))
	}
	return -1, fmt.Errorf("control socket %s: lock: %w", path, err)
}

// listen listens on a socket file that has mode 0600 when it appears: Linux
// creates the file with the mode of the socket.
func listen(path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var err error
		if controlErr := conn.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	listener := l.(*net.UnixListener)
	listener.SetUnlinkOnClose(false)
	return listener, nil
}

// removeStale removes a socket file that has no listener.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("the file there isn't a socket")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("%w%s", ErrInUse, describeOwner(path))
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// describeOwner returns " by process N" if the process that listens at path is
// known, and "" otherwise.
func describeOwner(path string) string {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return ""
	}
	var peer *unix.Ucred
	if raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}) != nil || err != nil || peer.Pid == 0 {
		return ""
	}
	return fmt.Sprintf(" by process %d", peer.Pid)
}
