package main

import (
	"fmt"
	"syscall"
)

// fitDescriptorLimit raises the limit of descriptors if it can, and returns how
// many of n connections fit.
func (b *runner) fitDescriptorLimit(n int) (int, error) {
	const others = 500 // descriptors that are no connections
	limit, err := raiseDescriptorLimit(uint64(n + others))
	if err != nil {
		return 0, err
	}
	fit := int(min(limit, maxClients+others)) - others
	if fit < min(n, 500) {
		return 0, fmt.Errorf("%d descriptors are too few; see ulimit -Hn", limit)
	}
	if fit < n {
		b.logf("%d descriptors allow for %d connections only; see ulimit -Hn", limit, fit)
	}
	return min(n, fit), nil
}

// raiseDescriptorLimit raises the limit of descriptors of this process and its
// children to the maximum and returns it. If that is less than wanted, it tries to
// raise the maximum as well, which root may do.
func raiseDescriptorLimit(wanted uint64) (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	if limit.Max < wanted {
		raised := syscall.Rlimit{Cur: wanted, Max: wanted}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			return wanted, nil
		}
	}
	limit.Cur = limit.Max
	// Set even an unchanged limit: otherwise Go restores the original limit in
	// child processes.
	return limit.Cur, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
