package sqlite

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
)

// chunkDecoder holds the buffers for decoding a chunk.
type chunkDecoder struct {
	payload []byte
	columns [2][]int64
	used    int
}

var errCorruptTimes = fmt.Errorf("chunk times: %w", ErrCorrupt)

// decodeChunk appends the points of data to points. It returns ErrCorrupt for
// input that appendChunk does not produce, and allocates memory for at most
// maxChunkPoints points.
func decodeChunk(points []factory.Point, data []byte) ([]factory.Point, error) {
	body, err := checkedBody(data)
	if err != nil {
		return points, err
	}
	switch body[0] {
	case chunkVersion1:
		return decodeChunkV1(points, body[1:])
	case chunkVersion:
	default:
		return points, fmt.Errorf("chunk version %d is unknown: %w", body[0], ErrCorrupt)
	}
	if len(body) < 3 {
		return points, fmt.Errorf("chunk header: %w", ErrCorrupt)
	}
	packing := body[1]
	n, size := binary.Uvarint(body[2:])
	if size <= 0 || n < 1 || n > maxChunkPoints {
		return points, fmt.Errorf("chunk count: %w", ErrCorrupt)
	}
	d := chunkDecoders.Get().(*chunkDecoder)
	defer chunkDecoders.Put(d)
	payload, err := d.decompress(packing, int(n), body[2+size:])
	if err != nil {
		return points, err
	}
	start := len(points)
	points = growPoints(points, int(n))[:start+int(n)]
	if err := d.decode(points[start:], payload); err != nil {
		return points[:start], err
	}
	return points, nil
}

// growPoints ensures capacity for n more points. It doubles the capacity,
// since chunks are often decoded one after the other.
func growPoints(points []factory.Point, n int) []factory.Point {
	if cap(points)-len(points) < n {
		points = slices.Grow(points, max(n, len(points)))
	}
	return points
}

// checkedBody verifies the checksum of data and returns the rest, at least one
// byte.
func checkedBody(data []byte) ([]byte, error) {
	if len(data) <= checksumBytes {
		return nil, fmt.Errorf("%d bytes are too few: %w", len(data), ErrCorrupt)
	}
	body, sum := data[:len(data)-checksumBytes], data[len(data)-checksumBytes:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return nil, fmt.Errorf("checksum mismatch: %w", ErrCorrupt)
	}
	return body, nil
}

// decode sets points, whose number is known, from the payload.
func (d *chunkDecoder) decode(points []factory.Point, payload []byte) (err error) {
	if payload, err = d.decodeTimes(points, payload); err != nil {
		return err
	}
	if len(payload) == 0 {
		return fmt.Errorf("chunk values: %w", ErrCorrupt)
	}
	form, payload := payload[0], payload[1:]
	switch form {
	case valuesRaw:
		if len(payload) != 8*len(points) {
			return fmt.Errorf("chunk values: %w", ErrCorrupt)
		}
		for i := range points {
			points[i].Value = math.Float64frombits(binary.LittleEndian.Uint64(payload[8*i:]))
		}
		return nil
	case valuesXOR:
		return decodeXOR(points, payload)
	case valuesDecimal, valuesFloat32:
		return d.decodeDecimal(points, payload, form == valuesFloat32)
	}
	return fmt.Errorf("chunk values of form %d: %w", form, ErrCorrupt)
}

// decodeTimes sets the times of points and returns the rest of the payload.
func (d *chunkDecoder) decodeTimes(points []factory.Point, payload []byte) ([]byte, error) {
	at, size := binary.Varint(payload)
	if size <= 0 {
		return nil, errCorruptTimes
	}
	payload = payload[size:]
	points[0].ObservedAt = at
	if len(points) == 1 {
		return payload, nil
	}
	step, size := binary.Varint(payload)
	if size <= 0 {
		return nil, errCorruptTimes
	}
	changes, payload, err := d.readColumn(payload[size:], len(points)-2)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(points); i++ {
		if i > 1 && changes != nil {
			step += changes[i-2]
		}
		next := at + step // may wrap around, as in the encoder
		if next <= at {
			return nil, errCorruptTimes
		}
		at = next
		points[i].ObservedAt = at
	}
	return payload, nil
}

// decompress returns the payload of a chunk of n points. It is valid until the
// next call.
func (d *chunkDecoder) decompress(packing byte, n int, body []byte) ([]byte, error) {
	d.used = 0
	switch packing {
	case packingNone:
		return body, nil
	case packingZstd:
	default:
		return nil, fmt.Errorf("chunk packing %d is unknown: %w", packing, ErrCorrupt)
	}
	size, length := binary.Uvarint(body)
	if length <= 0 || size > uint64(n*payloadPointBytes+payloadPointBytes) {
		return nil, fmt.Errorf("chunk size: %w", ErrCorrupt)
	}
	r, err := zstdDecoder()
	if err != nil {
		return nil, err
	}
	if cap(d.payload) < int(size) {
		d.payload = make([]byte, size)
	}
	payload, err := r.DecodeAll(body[length:], d.payload[:0:size])
	if err != nil {
		return nil, fmt.Errorf("chunk: %w: %w", ErrCorrupt, err)
	}
	if uint64(len(payload)) != size {
		return nil, fmt.Errorf("chunk has %d bytes, not %d: %w", len(payload), size, ErrCorrupt)
	}
	return payload, nil
}
