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

// claim is a listening socket at a path that this process has to itself.
type exclusiveListener struct {
	UnixListener *net.UnixListener
	path         string
	info         os.FileInfo // of the socket, to remove no other
	lockFD       int         // file descriptor
}

// claimPath listens on a Unix socket at path. What a dead process left there
// is replaced; a live one, and anything that isn't a socket, is an error.
func listenExclusive(path string) (*exclusiveListener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if longest := len(unix.RawSockaddrUnix{}.Path) - 1; len(path) > longest {
		return nil, fmt.Errorf("control socket %s: the path has %d bytes, the system takes %d", path, len(path), longest)
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
	c := &exclusiveListener{UnixListener: listener, path: path, lockFD: lock}
	if c.info, err = os.Lstat(path); err == nil && c.info.Mode().Perm() != 0o600 {
		err = fmt.Errorf("the system made it with mode %v", c.info.Mode())
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return c, nil
}

// release gives the path up and removes the socket if it is still ours.
func (c *exclusiveListener) close() {
	_ = c.UnixListener.Close()
	if now, err := os.Lstat(c.path); err == nil && c.info != nil && os.SameFile(now, c.info) {
		_ = os.Remove(c.path)
	}
	_ = unix.Close(c.lockFD)
}

// lockPath keeps other processes from claiming path at the same time, which
// could remove each other's socket. The lock is a name in the kernel's
// abstract namespace: it leaves no file and ends with the process.
func lockPath(path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("control socket %s: %w", path, err)
	}
	// The leading @ stands for a zero byte, so the name is as long as path
	// with its leading slash.
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + path[1:]}); err == nil {
		return fd, nil
	}
	_ = unix.Close(fd)
	if errors.Is(err, unix.EADDRINUSE) {
		return -1, fmt.Errorf("control socket %s: %w%s", path, ErrInUse, describeOwner(path))
	}
	return -1, fmt.Errorf("control socket %s: lock: %w", path, err)
}

// listen binds a socket that has mode 0600 from its first moment: Linux gives
// the file the mode of the socket.
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

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something else than a socket")
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

// owner returns " by process N" if the process that listens at path is known.
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
