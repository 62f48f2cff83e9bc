package sqlite

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
)

// A chunk's data is
//
//	version   1 byte, chunkVersion
//	packing   1 byte: packedPlain, or packedZstd
//	n         uvarint, the number of points, at least 1
//	size      uvarint, the bytes of the payload before compression; zstd only
//	payload   as it is, or one zstd frame
//	checksum  4 bytes, CRC-32C of all before it, little endian
//
// and its payload
//
//	times     the first time (varint), from 2 points on the first step (varint),
//	          then the changes of the step as a column; see column.go
//	form      1 byte, how the values are encoded
//	values    valuesRaw:     8 bytes each, little endian
//	          valuesXOR:     as in the first version
//	          valuesDecimal, valuesSingle: see decimal.go
//
// The encoder tries what might pay and keeps what is smallest; every form is
// lossless for any double. Version 1 is read too; see chunk_first_codec.go.
const (
	chunkVersion = 2
	packingNone  = 0
	packingZstd  = 1

	valuesRaw     = 0
	valuesXOR     = 1
	valuesDecimal = 2
	valuesSingle  = 3

	// maxChunkPoints bounds what a chunk may claim to hold.
	maxChunkPoints = 1 << 16
	checksumBytes  = 4
	// payloadPointBytes is more than one point can take in a payload: a time,
	// a step and a correction of 10 bytes each, with what parts them.
	payloadPointBytes = 48
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errTimes = fmt.Errorf("chunk times: %w", ErrCorrupt)

// decodeChunk appends the points of data to points. It returns ErrCorrupt for
// anything that appendChunk has not made, and takes memory for at most
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

// growPoints makes room for n more, and more while many chunks come together.
func growPoints(points []factory.Point, n int) []factory.Point {
	if cap(points)-len(points) < n {
		points = slices.Grow(points, max(n, len(points)))
	}
	return points
}

// checkedBody returns data without its checksum, which must be right; at
// least one byte.
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

// decode sets points, whose number is known, from all of the payload.
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
	case valuesDecimal, valuesSingle:
		return d.decodeDecimal(points, payload, form == valuesSingle)
	}
	return fmt.Errorf("chunk values of form %d: %w", form, ErrCorrupt)
}

// decodeTimes sets the times of points and returns the rest of the payload.
func (d *chunkDecoder) decodeTimes(points []factory.Point, payload []byte) ([]byte, error) {
	at, size := binary.Varint(payload)
	if size <= 0 {
		return nil, errTimes
	}
	payload = payload[size:]
	points[0].ObservedAt = at
	if len(points) == 1 {
		return payload, nil
	}
	step, size := binary.Varint(payload)
	if size <= 0 {
		return nil, errTimes
	}
	changes, payload, err := d.readColumn(payload[size:], len(points)-2)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(points); i++ {
		if i > 1 && changes != nil {
			step += changes[i-2]
		}
		next := at + step // wraps around, as the encoder does
		if next <= at {
			return nil, errTimes
		}
		at = next
		points[i].ObservedAt = at
	}
	return payload, nil
}

// chunkDecoder is the memory that decoding a chunk takes.
type chunkDecoder struct {
	payload []byte
	columns [2][]int64
	used    int
}

// decompress returns the payload of a chunk of n points, valid until the next call.
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
