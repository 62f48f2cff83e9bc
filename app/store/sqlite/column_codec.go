package sqlite

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// A column is a sequence of integers of known length, preceded by a byte:
//
//	columnZero    all are zero; nothing follows
//	columnVarint  one varint each
//	columnBlocks  for each block of columnBlock integers: their width in bits
//	              (1 byte), then the zigzag values in that many bits each, padded
//	              to a whole byte
//	columnSparse  the number of nonzero integers (uvarint), then for each the
//	              number of zeros before it (uvarint) and its value (varint)
const (
	columnZero   = 0
	columnVarint = 1
	columnBlocks = 2
	columnSparse = 3
	columnBlock  = 32
)

var errCorruptColumn = fmt.Errorf("chunk column: %w", ErrCorrupt)

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func varintBytes(v int64) int { return (bits.Len64(zigzag(v)|1) + 6) / 7 }

// appendColumn appends values in the smallest form if compact is set,
// otherwise in the form that compresses best.
func appendColumn(out []byte, values []int64, compact bool) []byte {
	set, asVarints, asSparse := 0, 0, 2
	gap := 0
	for _, v := range values {
		n := varintBytes(v)
		asVarints += n
		if v != 0 {
			set++
			asSparse += n + varintBytes(int64(gap))
			gap = 0
		} else {
			gap++
		}
	}
	if set == 0 {
		return append(out, columnZero)
	}
	if asSparse < asVarints/8 || compact && asSparse < asVarints && asSparse < blockBytes(values) {
		return appendSparse(append(out, columnSparse), values, set)
	}
	if compact && blockBytes(values) < asVarints {
		return appendBlocks(append(out, columnBlocks), values)
	}
	out = append(out, columnVarint)
	for _, v := range values {
		out = binary.AppendVarint(out, v)
	}
	return out
}

func appendSparse(out []byte, values []int64, set int) []byte {
	out = binary.AppendUvarint(out, uint64(set))
	gap := uint64(0)
	for _, v := range values {
		if v == 0 {
			gap++
			continue
		}
		out = binary.AppendUvarint(out, gap)
		out = binary.AppendVarint(out, v)
		gap = 0
	}
	return out
}

// blockWidth returns the number of bits that the largest of values needs.
func blockWidth(values []int64) uint {
	var all uint64
	for _, v := range values {
		all |= zigzag(v)
	}
	return uint(bits.Len64(all))
}

func blockBytes(values []int64) (n int) {
	for block := range slices.Chunk(values, columnBlock) {
		n += 1 + (int(blockWidth(block))*len(block)+7)/8
	}
	return n
}

func appendBlocks(out []byte, values []int64) []byte {
	for block := range slices.Chunk(values, columnBlock) {
		width := blockWidth(block)
		out = append(out, byte(width))
		if width == 0 {
			continue
		}
		w := newBitWriter(out)
		for _, v := range block {
			w.write(zigzag(v), width)
		}
		out = w.finish()
	}
	return out
}

// readColumn reads n integers from the start of data and returns the rest. nil
// values are all zero. The values are valid until the decoder is used for
// another chunk.
func (d *chunkDecoder) readColumn(data []byte, n int) (values []int64, rest []byte, err error) {
	if len(data) == 0 {
		return nil, nil, errCorruptColumn
	}
	mode, data := data[0], data[1:]
	if mode == columnZero {
		return nil, data, nil
	}
	values = d.columnBuffer(n)
	ok := false
	switch mode {
	case columnVarint:
		data, ok = readVarints(values, data)
	case columnBlocks:
		data, ok = readBlocks(values, data)
	case columnSparse:
		data, ok = readSparse(values, data)
	}
	if !ok {
		return nil, nil, errCorruptColumn
	}
	return values, data, nil
}

// columnBuffer returns a buffer for n integers. Two buffers suffice for the
// three columns of a chunk, since the times are decoded before the last one.
func (d *chunkDecoder) columnBuffer(n int) []int64 {
	c := &d.columns[d.used%len(d.columns)]
	d.used++
	if cap(*c) < n {
		*c = make([]int64, n)
	}
	return (*c)[:n]
}

func readVarints(values []int64, data []byte) (rest []byte, ok bool) {
	at := 0
	for i := range values {
		if at < len(data) && data[at] < 0x80 {
			values[i] = unzigzag(uint64(data[at]))
			at++
			continue
		}
		if at+1 < len(data) && data[at+1] < 0x80 {
			values[i] = unzigzag(uint64(data[at]&0x7f) | uint64(data[at+1])<<7)
			at += 2
			continue
		}
		v, size := binary.Varint(data[at:])
		if size <= 0 {
			return nil, false
		}
		values[i] = v
		at += size
	}
	return data[at:], true
}

func readBlocks(values []int64, data []byte) (rest []byte, ok bool) {
	for block := range slices.Chunk(values, columnBlock) {
		if len(data) == 0 || data[0] > 64 {
			return nil, false
		}
		width := uint(data[0])
		size := (int(width)*len(block) + 7) / 8
		data = data[1:]
		if len(data) < size {
			return nil, false
		}
		if width == 0 {
			clear(block)
			continue
		}
		r := bitReader{in: data[:size]}
		for i := range block {
			block[i] = unzigzag(r.read64(width))
		}
		data = data[size:]
	}
	return data, true
}

func readSparse(values []int64, data []byte) (rest []byte, ok bool) {
	clear(values)
	set, size := binary.Uvarint(data)
	if size <= 0 || set > uint64(len(values)) {
		return nil, false
	}
	data = data[size:]
	at := uint64(0)
	for range set {
		gap, size := binary.Uvarint(data)
		if size <= 0 || gap >= uint64(len(values))-at {
			return nil, false
		}
		v, length := binary.Varint(data[size:])
		if length <= 0 {
			return nil, false
		}
		data = data[size+length:]
		values[at+gap] = v
		at += gap + 1
		if at == uint64(len(values)) {
			break
		}
	}
	return data, true
}
