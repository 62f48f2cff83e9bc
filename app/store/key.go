package store

import (
	"cmp"
	"strings"
)

// Key identifies a series.
type Key struct{ Machine, Metric string }

// Compare orders keys by machine, then metric, in byte order.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Machine, other.Machine), strings.Compare(k.Metric, other.Metric))
}

// Clone returns a copy of k that does not refer to the caller's memory. It
// shares equal strings with last, the key that was cloned before.
func (k Key) Clone(last Key) Key {
	if k == last {
		return last
	}
	if k.Machine == last.Machine {
		return Key{Machine: last.Machine, Metric: strings.Clone(k.Metric)}
	}
	return Key{Machine: strings.Clone(k.Machine), Metric: strings.Clone(k.Metric)}
}
