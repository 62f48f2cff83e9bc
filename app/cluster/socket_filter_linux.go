package cluster

import (
	"os"

	"golang.org/x/sys/unix"
)

// Classic BPF, as the kernel's filter.h spells it.
const (
	bpfLoadByte   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	bpfLoadWord   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	bpfJumpSet    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	bpfModulo     = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K
	bpfReturn     = unix.BPF_RET | unix.BPF_K
	bpfReturnA    = unix.BPF_RET | unix.BPF_A
	bpfRandom     = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
	tcpFlags      = 13              // the byte of the TCP header that holds SYN
	tcpSYN        = 2
	wholePacket   = 0xffffffff
	optReuseCBPF  = unix.SO_ATTACH_REUSEPORT_CBPF
	optPlainBPF   = unix.SO_ATTACH_FILTER
	nothingPasses = 0
)

// gate makes the socket drop new handshakes. Those in flight complete, and the
// peers that were dropped ask again a second later, when the port is closed
// and refuses them cleanly. It needs no privilege.
func (s *socket) dropSYNs() error {
	return s.attach(optPlainBPF, []unix.SockFilter{
		{Code: bpfLoadByte, K: tcpFlags},
		{Code: bpfJumpSet, K: tcpSYN, Jt: 0, Jf: 1},
		{Code: bpfReturn, K: nothingPasses},
		{Code: bpfReturn, K: wholePacket},
	})
}

// deafen makes the socket drop everything.
func (s *socket) dropAll() error {
	return s.attach(optPlainBPF, []unix.SockFilter{{Code: bpfReturn, K: nothingPasses}})
}

// steer makes the kernel choose among the first n sockets of the port, which
// are ours: a stranger that joins the group later gets no connections.
func (s *socket) attachSteering(n int) error {
	return s.attach(optReuseCBPF, []unix.SockFilter{
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
