package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"smart-factory-backend/app/factory"
)

// The data of a chunk of version 1, which the first release wrote:
//
//	version   1 byte, chunkVersion1
//	n         uvarint, the number of points, at least 1
//	times     n varints: the first time, the first step, then the changes of the step
//	values    bits: the first value, then the XOR of each value with the one before
//	checksum  4 bytes, CRC-32C of everything before it, little endian
//
// Times are strictly ascending. The XOR is encoded as in Gorilla: bit 0 if it
// is zero; bits 10 and its bits within the previous window; or bits 11, the
// number of leading zeros (6 bits), the length minus one (6 bits) and the
// bits, which define a new window.
const chunkVersion1 = 1

// appendXOR appends the values of points.
func appendXOR(out []byte, points []factory.Point) []byte {
	w := newBitWriter(out)
	last := math.Float64bits(points[0].Value)
	w.write(last, 64)
	var leading, length uint // the window; length 0 means none
	for _, p := range points[1:] {
		value := math.Float64bits(p.Value)
		xor := value ^ last
		last = value
		if xor == 0 {
			w.write(0, 1)
			continue
		}
		lead, trail := uint(bits.LeadingZeros64(xor)), uint(bits.TrailingZeros64(xor))
		if length > 0 && lead >= leading && 64-trail <= leading+length {
			w.write(0b10, 2)
			w.write(xor>>(64-leading-length), length)
			continue
		}
		leading, length = lead, 64-lead-trail
		w.write(0b11, 2)
		w.write(uint64(leading), 6)
		w.write(uint64(length-1), 6)
		w.write(xor>>trail, length)
	}
	return w.finish()
}

// decodeChunkV1 appends the points of body, which begins with n.
func decodeChunkV1(points []factory.Point, body []byte) ([]factory.Point, error) {
	n, size := binary.Uvarint(body)
	if size <= 0 || n < 1 || n > maxChunkPoints || n > uint64(len(body)) {
		return points, fmt.Errorf("chunk count: %w", ErrCorrupt)
	}
	start := len(points)
	points = growPoints(points, int(n))
	points, body, err := decodeTimesV1(points, body[size:], int(n))
	if err != nil {
		return points[:start], err
	}
	if err := decodeXOR(points[start:], body); err != nil {
		return points[:start], err
	}
	return points, nil
}

func decodeTimesV1(points []factory.Point, data []byte, n int) ([]factory.Point, []byte, error) {
	var last, step int64
	for i := range n {
		v, size := binary.Varint(data)
		if size <= 0 {
			return points, nil, fmt.Errorf("chunk time %d: %w", i, ErrCorrupt)
		}
		data = data[size:]
		delta := v
		if i >= 2 {
			delta += step
		}
		at := last + delta
		if i > 0 && at <= last {
			return points, nil, fmt.Errorf("chunk time %d is not after the one before: %w", i, ErrCorrupt)
		}
		points = append(points, factory.Point{ObservedAt: at})
		last, step = at, delta
	}
	return points, data, nil
}

// decodeXOR sets the values of points from data.
func decodeXOR(points []factory.Point, data []byte) error {
	r := bitReader{in: data}
	value := r.read64(64)
	points[0].Value = math.Float64frombits(value)
	var leading, length uint
	for i := 1; i < len(points); i++ {
		if r.read(1) == 1 {
			if r.read(1) == 1 {
				leading, length = uint(r.read(6)), uint(r.read(6))+1
			}
			if length == 0 || leading+length > 64 {
				return fmt.Errorf("chunk value %d: %w", i, ErrCorrupt)
			}
			value ^= r.read64(length) << (64 - leading - length)
		}
		points[i].Value = math.Float64frombits(value)
	}
	if !r.atEnd() {
		return fmt.Errorf("chunk values: %w", ErrCorrupt)
	}
	return nil
}
