package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/klauspost/compress/zstd"

	"smart-factory-backend/app/factory"
)

// zstdFloor is the size of a payload, in bytes per point times 2, below which
// compression is not tried: there is little left to gain.
const minCompressHalfBytes = 1

var (
	chunkEncoders = sync.Pool{New: func() any { return new(chunkEncoder) }}
	chunkDecoders = sync.Pool{New: func() any { return new(chunkDecoder) }}

	// Both are safe for concurrent use and start no goroutine for whole frames.
	zstdEncoder   = sync.OnceValues(newZstdEncoder)
	zstdDecoder = sync.OnceValues(newZstdDecoder)
)

func newZstdEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithWindowSize(1<<16), zstd.WithLowerEncoderMem(true))
}

func newZstdDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxChunkPoints*payloadPointBytes), zstd.WithDecodeAllCapLimit(true))
}

// chunkEncoder is the memory that encoding a chunk takes.
type chunkEncoder struct {
	steps         []int64 // changes of the step of the times
	compact         []byte  // the payload at its smallest
	compressible         []byte  // the payload as compression likes it
	compressed        []byte  // that, compressed
	xor           []byte
	decimal       decimal
	first, second []int64 // differences of the decimals, and their differences
}

// encode returns the payload of points, and a compressed one where that was
// tried. Both are valid until the next call.
func (e *chunkEncoder) encode(points []factory.Point) (plain, packed []byte) {
	e.computeSteps(points)
	residuals, order := e.computeDecimals(points)
	e.compact = e.appendTimes(e.compact[:0], points, true)
	times := len(e.compact)
	e.compact = e.appendDecimal(e.compact, residuals, order, true)
	asDecimals := len(e.compact) - times
	if asDecimals > 3*len(points) {
		e.xor = appendXOR(append(e.xor[:0], valuesXOR), points)
		if len(e.xor) < asDecimals {
			e.compact = append(e.compact[:times], e.xor...)
		}
		if len(e.compact)-times > 8*len(points)+1 {
			e.compact = appendRaw(e.compact[:times], points)
		}
	}
	if len(e.compact)*2 < minCompressHalfBytes*len(points) {
		return e.compact, nil
	}
	e.compressible = e.appendTimes(e.compressible[:0], points, false)
	e.compressible = e.appendDecimal(e.compressible, residuals, order, false)
	w, err := zstdEncoder()
	if err != nil {
		return e.compact, nil
	}
	e.compressed = w.EncodeAll(e.compressible, e.compressed[:0])
	return e.compact, e.compressed
}

// takeSteps notes how the step from time to time changes.
func (e *chunkEncoder) computeSteps(points []factory.Point) {
	e.steps = e.steps[:0]
	for i := 2; i < len(points); i++ {
		// Differences wrap around on overflow, and so does decoding.
		step, before := points[i].ObservedAt-points[i-1].ObservedAt, points[i-1].ObservedAt-points[i-2].ObservedAt
		e.steps = append(e.steps, step-before)
	}
}

func (e *chunkEncoder) appendTimes(out []byte, points []factory.Point, tight bool) []byte {
	out = binary.AppendVarint(out, points[0].ObservedAt)
	if len(points) == 1 {
		return out
	}
	out = binary.AppendVarint(out, points[1].ObservedAt-points[0].ObservedAt)
	return appendColumn(out, e.steps, tight)
}

func appendRaw(out []byte, points []factory.Point) []byte {
	out = append(out, valuesRaw)
	for _, p := range points {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(p.Value))
	}
	return out
}

// chunkDecoder is the memory that decoding a chunk takes.
type chunkDecoder struct {
	payload []byte
	columns [2][]int64
	used    int
}

// unpack returns the payload of a chunk of n points, valid until the next call.
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
