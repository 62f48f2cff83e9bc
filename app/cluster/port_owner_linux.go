package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// bindError says why an address could not be had, with the port's owner where
// it is taken.
func bindError(host string, addr netip.AddrPort, err error) error {
	where := net.JoinHostPort(host, strconv.Itoa(int(addr.Port())))
	if host == "" {
		where = fmt.Sprintf("port %d", addr.Port())
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w", where, err)
	}
	inUse := &PortInUseError{Addr: where, Err: err}
	inUse.PID, inUse.Process = ownerOf(listeners(int(addr.Port())))
	return inUse
}

// strangers counts the sockets that listen on our port and are not ours.
func countForeignListeners(sockets []*socket) int {
	addr, err := sockets[0].addr()
	if err != nil {
		return 0
	}
	inodes := listeners(int(addr.Port()))
	for _, s := range sockets {
		var st unix.Stat_t
		if unix.Fstat(s.fd, &st) == nil {
			delete(inodes, st.Ino)
		}
	}
	return len(inodes)
}

// listeners reads the inodes of the sockets that listen on a TCP port.
func listeners(port int) map[uint64]bool {
	inodes := map[uint64]bool{}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// sl local_address rem_address st … inode: proc_net_tcp.txt
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || fields[0] == "sl" {
				continue
			}
			if fields[3] != "0A" {
				break // those that listen come first; there may be very many others
			}
			if !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				continue
			}
			if inode, err := strconv.ParseUint(fields[9], 10, 64); err == nil {
				inodes[inode] = true
			}
		}
		_ = f.Close()
	}
	return inodes
}

// ownerOf finds a process that has one of the sockets open; another user's
// processes can't be looked into.
func ownerOf(inodes map[uint64]bool) (pid int, name string) {
	if len(inodes) == 0 {
		return 0, ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]"), 10, 64)
		if err != nil || !inodes[inode] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		pid, _ = strconv.Atoi(filepath.Base(process))
		comm, _ := os.ReadFile(filepath.Join(process, "comm"))
		return pid, strings.TrimSpace(string(comm))
	}
	return 0, ""
}
