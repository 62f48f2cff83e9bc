package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fileSystemName returns the file system of dir, which decides the cost of
// fsync.
func fileSystemName(dir string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return "an unknown file system"
	}
	switch stat.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs, where fsync costs nothing"
	}
	return fmt.Sprintf("file system %#x", stat.Type)
}
