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

// bindError turns a failed bind or listen into an error that names the address
// and, if the port is in use, its owner.
func bindError(host string, addr netip.AddrPort, err error) error {
	where := net.JoinHostPort(host, strconv.Itoa(int(addr.Port())))
	if host == "" {
		where = fmt.Sprintf("port %d", addr.Port())
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w", where, err)
	}
	inUse := &PortInUseError{Addr: where, Err: err}
	inUse.PID, inUse.Process = socketOwner(listeningSockets(int(addr.Port())))
	return inUse
}

// ListenerOwner returns a process that listens on a TCP port; 0 and "" if none is
// found. Processes of other users cannot be inspected.
func ListenerOwner(port int) (pid int, process string) { return socketOwner(listeningSockets(port)) }

// listeningSockets returns the sockets that listen on a TCP port: their local
// addresses, as the kernel writes them, by inode.
func listeningSockets(port int) map[uint64]string {
	sockets := map[uint64]string{}
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
				break // listening sockets come first; there may be many others
			}
			if !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				continue
			}
			if inode, err := strconv.ParseUint(fields[9], 10, 64); err == nil {
				sockets[inode] = fields[1]
			}
		}
		_ = f.Close()
	}
	return sockets
}

// socketOwner returns a process that has one of the sockets open; 0 and "" if
// none is found. Processes of other users can't be inspected.
func socketOwner(sockets map[uint64]string) (pid int, name string) {
	if len(sockets) == 0 {
		return 0, ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]"), 10, 64)
		if err != nil || sockets[inode] == "" {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		pid, _ = strconv.Atoi(filepath.Base(process))
		comm, _ := os.ReadFile(filepath.Join(process, "comm"))
		return pid, strings.TrimSpace(string(comm))
	}
	return 0, ""
}
