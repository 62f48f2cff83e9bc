package sqlite

import "encoding/binary"

// bitWriter appends bits to a byte slice, most significant bit first.
type bitWriter struct {
	out  []byte
	acc  uint64 // the lowest 64-free bits are not in out yet
	free uint
}

func newBitWriter(out []byte) bitWriter { return bitWriter{out: out, free: 64} }

// write appends the lowest n bits of v; the other bits of v must be zero, and
// n must be at most 64.
func (w *bitWriter) write(v uint64, n uint) {
	if n < w.free {
		w.acc = w.acc<<n | v
		w.free -= n
		return
	}
	rest := n - w.free
	w.acc = w.acc<<w.free | v>>rest
	w.out = append(w.out,
		byte(w.acc>>56), byte(w.acc>>48), byte(w.acc>>40), byte(w.acc>>32),
		byte(w.acc>>24), byte(w.acc>>16), byte(w.acc>>8), byte(w.acc))
	w.acc = v & (1<<rest - 1)
	w.free = 64 - rest
}

// finish pads the last byte with zeros and returns the slice.
func (w *bitWriter) finish() []byte {
	n := 64 - w.free
	acc := w.acc << w.free
	for ; n > 0; n -= min(n, 8) {
		w.out = append(w.out, byte(acc>>56))
		acc <<= 8
	}
	return w.out
}

// bitReader reads bits that bitWriter has written. Reading past the end
// returns zeros and sets short.
type bitReader struct {
	in []byte
	// acc has the next n bits at its top. The bits below are zero or a copy of
	// the next bits of in.
	acc   uint64
	n     uint
	short bool // more bits were read than there are
}

// read returns the next n bits; n must be 1 to 56.
func (r *bitReader) read(n uint) uint64 {
	if r.n < n {
		r.fill(n)
	}
	v := r.acc >> (64 - n)
	r.acc <<= n
	r.n -= n
	return v
}

// fill makes at least n bits available in acc, and up to 63.
func (r *bitReader) fill(n uint) {
	if len(r.in) >= 8 {
		r.acc |= binary.BigEndian.Uint64(r.in) >> r.n
		bytes := (63 - r.n) / 8
		r.in = r.in[bytes:]
		r.n += bytes * 8
		return
	}
	for r.n <= 56 && len(r.in) > 0 {
		r.acc |= uint64(r.in[0]) << (56 - r.n)
		r.in = r.in[1:]
		r.n += 8
	}
	if r.n < n {
		r.short = true
		r.acc, r.n = 0, 64
	}
}

// read64 is read for n up to 64.
func (r *bitReader) read64(n uint) uint64 {
	if n <= 56 {
		return r.read(n)
	}
	high := r.read(n - 32)
	return high<<32 | r.read(32)
}

// atEnd reports whether nothing but zero padding of the last byte is left.
func (r *bitReader) atEnd() bool {
	return !r.short && len(r.in) == 0 && r.n < 8 && r.acc == 0
}
