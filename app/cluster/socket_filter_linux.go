package cluster

import (
	"os"

	"golang.org/x/sys/unix"
)

// Classic BPF instructions, as linux/filter.h defines them.
const (
	bpfLoadByte   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	bpfLoadWord   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	bpfJumpSet    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	bpfModulo     = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K
	bpfReturn     = unix.BPF_RET | unix.BPF_K
	bpfReturnA    = unix.BPF_RET | unix.BPF_A
	bpfRandom     = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
	tcpFlags      = 13              // offset of the flags in the TCP header
	tcpSYN        = 2
	wholePacket   = 0xffffffff
	noPacket      = 0
	attachFilter  = unix.SO_ATTACH_FILTER
	attachSteerer = unix.SO_ATTACH_REUSEPORT_CBPF
)

// dropSYNs makes the socket drop new handshakes; those in flight complete. A
// peer whose SYN was dropped sends it again after a second. By then the socket
// is closed and the kernel refuses the connection. No privilege is needed.
func (s *socket) dropSYNs() error {
	return s.attach(attachFilter, []unix.SockFilter{
		{Code: bpfLoadByte, K: tcpFlags},
		{Code: bpfJumpSet, K: tcpSYN, Jt: 0, Jf: 1},
		{Code: bpfReturn, K: noPacket},
		{Code: bpfReturn, K: wholePacket},
	})
}

// attachSteering makes the kernel choose among the first n sockets of the
// port's SO_REUSEPORT group. Those are ours; a foreign listener that joins the
// group later gets no connections.
func (s *socket) attachSteering(n int) error {
	return s.attach(attachSteerer, []unix.SockFilter{
		{Code: bpfLoadWord, K: bpfRandom},
		{Code: bpfModulo, K: uint32(n)},
		{Code: bpfReturnA},
	})
}

func (s *socket) attach(option int, program []unix.SockFilter) error {
	err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, option,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	return os.NewSyscallError("setsockopt filter", err)
}
