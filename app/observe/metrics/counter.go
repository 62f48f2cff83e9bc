package metrics

import (
	"bytes"
	"strconv"
	"sync/atomic"
)

// Counter is a monotonic count, made by Set.Counter. Its methods are safe for
// concurrent use.
type Counter struct{ n atomic.Uint64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds n, which must not be negative.
func (c *Counter) Add(n int) { c.n.Add(uint64(n)) }

// Value returns the current count.
func (c *Counter) Value() uint64 { return c.n.Load() }

func (c *Counter) sample(b *bytes.Buffer, name, labels string) {
	writeCount(b, name, labels, c.n.Load())
}

// valueFunc reads a value that is kept elsewhere.
type valueFunc func() float64

func (f valueFunc) sample(b *bytes.Buffer, name, labels string) { writeSample(b, name, labels, f()) }

// writeCount writes one sample line with all digits of n.
func writeCount(b *bytes.Buffer, name, labels string, n uint64) {
	b.WriteString(name)
	b.WriteString(labels)
	b.WriteByte(' ')
	b.Write(strconv.AppendUint(b.AvailableBuffer(), n, 10))
	b.WriteByte('\n')
}
