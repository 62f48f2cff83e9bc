package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// isDenied reports whether err says that the process may not write somewhere.
func isDenied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// explainDenied adds to an error of writing below dir which user was refused, to whom
// the directory or file belongs, and the cure. It returns any other error unchanged.
func explainDenied(err error, dir string) error {
	uid, gid := os.Geteuid(), os.Getegid()
	if errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: uid %d, gid %d may not write to %s: mount it without the read-only option", err, uid, gid, dir)
	}
	if !isDenied(err) {
		return err
	}
	denied := dir
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		denied = pathErr.Path
	}
	cure := fmt.Sprintf("chown -R %d:%d %s", uid, gid, dir)
	if _, statErr := os.Stat(dir); errors.Is(statErr, fs.ErrNotExist) {
		cure = fmt.Sprintf("mkdir -p %s && %s", dir, cure)
	}
	return fmt.Errorf("%w: uid %d, gid %d may not write to %s: run %q as root, start the container with --user, or set fsGroup in Kubernetes",
		err, uid, gid, describePath(denied), cure)
}

// describePath returns path, or else its nearest parent that exists, with its owner
// and mode as far as they can be read.
func describePath(path string) string {
	info, err := os.Stat(path)
	for errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	if err != nil {
		return path
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return path
	}
	return fmt.Sprintf("%s (of uid %d, gid %d, mode %04o)", path, owner.Uid, owner.Gid, info.Mode().Perm())
}
