package sqlite

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networkMagics are the statfs types of file systems that several hosts share.
// Their locks and memory maps do not behave as SQLite requires; a WAL file on
// one of them gets damaged without an error.
var networkMagics = map[int64]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFF534D42: "CIFS",
	0xFE534D42: "SMB2",
	0x01021997: "9p",
	0x00C36400: "Ceph",
	0x5346414F: "AFS",
	0x6B414653: "AFS",
	0x73757245: "Coda",
	0x564C:     "NCP",
	0x0BD00BD0: "Lustre",
	0x47504653: "GPFS",
	0x19830326: "BeeGFS",
	0x013111A8: "IBRIX",
	0x7461636F: "OCFS2",
	0x01161970: "GFS2",
	0xAAD7AAEA: "PanFS",
	0x786F4256: "VirtualBox shared folder",
	0xBACBACBC: "VMware shared folder",
}

// fuseMagic is the type of all FUSE file systems, local and remote. The mount
// table has the actual type.
const fuseMagic = 0x65735546

// networkFuse are the FUSE types, as in the mount table without "fuse.", whose
// files are on another host or in an object store.
var networkFuse = map[string]bool{
	"sshfs": true, "curlftpfs": true, "davfs": true, "davfs2": true, "smbnetfs": true,
	"s3fs": true, "s3backer": true, "goofys": true, "mount-s3": true, "mountpoint-s3": true, "geesefs": true,
	"gcsfuse": true, "blobfuse": true, "blobfuse2": true, "rclone": true, "ossfs": true, "cosfs": true, "obsfs": true,
	"glusterfs": true, "ceph": true, "ceph-fuse": true, "cephfs": true, "moosefs": true, "mfs": true, "lizardfs": true,
	"seaweedfs": true, "juicefs": true, "alluxio-fuse": true, "cvmfs2": true, "dfuse": true, "orangefs": true,
	"pvfs2fuse": true, "quobyte": true, "xtreemfs": true, "afuse": true, "grpcfuse": true, "osxfs": true,
	"vmhgfs-fuse": true, "prl_fs": true,
}

// networkFileSystem returns the name of the network file system that contains
// dir, or "" if it is local.
func networkFileSystem(dir string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", fmt.Errorf("examine file system: %w", err)
	}
	magic := int64(uint32(fs.Type)) // some kernels sign-extend it
	if magic != fuseMagic {
		return networkMagics[magic], nil
	}
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		return "", fmt.Errorf("examine file system: %w", err)
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("examine FUSE file system: %w", err)
	}
	defer mounts.Close()
	kind := mountType(mounts, unix.Major(stat.Dev), unix.Minor(stat.Dev))
	if networkFuse[strings.TrimPrefix(kind, "fuse.")] {
		return kind, nil
	}
	return "", nil
}

// mountType returns the file system type of the device from a mount table in
// the format of /proc/self/mountinfo (see proc(5)), or "" if it is not listed.
func mountType(mounts io.Reader, major, minor uint32) string {
	device := fmt.Sprintf("%d:%d", major, minor)
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 3 || fields[2] != device {
			continue
		}
		kind, _, _ := strings.Cut(after, " ")
		return kind
	}
	return ""
}

// fileSystemSize returns the size of the file system that contains path, in
// bytes.
func fileSystemSize(path string) (int64, error) {
	var meta unix.Statfs_t
	if err := unix.Statfs(path, &meta); err != nil {
		return 0, fmt.Errorf("statfs %q: %w", path, err)
	}
	return int64(meta.Blocks) * meta.Bsize, nil
}
