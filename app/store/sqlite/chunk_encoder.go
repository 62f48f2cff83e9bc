package sqlite

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"sync"

	"github.com/klauspost/compress/zstd"

	"smart-factory-backend/app/factory"
)

// The data of a chunk is
//
//	version   1 byte, chunkVersion
//	packing   1 byte: packingNone or packingZstd
//	n         uvarint, the number of points, at least 1
//	size      uvarint, size of the uncompressed payload; packingZstd only
//	payload   uncompressed, or one zstd frame
//	checksum  4 bytes, CRC-32C of everything before it, little endian
//
// and its payload is
//
//	times     the first time (varint); from 2 points on, the first step (varint)
//	          and the changes of the step as a column, see column_codec.go
//	form      1 byte, the encoding of the values
//	values    valuesRaw:     8 bytes each, little endian
//	          valuesXOR:     see chunk_codec_v1.go
//	          valuesDecimal, valuesFloat32: see decimal_codec.go
//
// The encoder tries the promising encodings and keeps the smallest. All of
// them are lossless for every double. Version 1 can be decoded, too; see
// chunk_codec_v1.go.
const (
	chunkVersion = 2
	packingNone  = 0
	packingZstd  = 1

	valuesRaw     = 0
	valuesXOR     = 1
	valuesDecimal = 2
	valuesFloat32 = 3

	// maxChunkPoints is the maximum of a chunk.
	maxChunkPoints = 1 << 16
	checksumBytes  = 4
	// payloadPointBytes exceeds what one point takes in a payload: a time, a
	// step and a correction of 10 bytes each, plus separators.
	payloadPointBytes = 48
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendChunk appends the encoding of points, which are in strictly ascending
// order. There is at least one.
func appendChunk(out []byte, points []factory.Point) []byte {
	e := chunkEncoders.Get().(*chunkEncoder)
	defer chunkEncoders.Put(e)
	start := len(out)
	plain, compressed := e.encode(points)
	packing, payload := byte(packingNone), plain
	if len(compressed) > 0 && len(compressed) < len(plain)-len(plain)/32 { // otherwise decompression costs more than it saves
		packing, payload = packingZstd, compressed
	}
	out = append(out, chunkVersion, packing)
	out = binary.AppendUvarint(out, uint64(len(points)))
	if packing == packingZstd {
		out = binary.AppendUvarint(out, uint64(len(e.compressible)))
	}
	out = append(out, payload...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out[start:], castagnoli))
}

// minCompressHalfBytes is the payload size, in half bytes per point, below
// which compression is not tried because it would gain little.
const minCompressHalfBytes = 1

var (
	chunkEncoders = sync.Pool{New: func() any { return new(chunkEncoder) }}
	chunkDecoders = sync.Pool{New: func() any { return new(chunkDecoder) }}

	// Both are safe for concurrent use and start no goroutines for whole frames.
	zstdEncoder = sync.OnceValues(newZstdEncoder)
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

// chunkEncoder holds the buffers for encoding a chunk.
type chunkEncoder struct {
	steps         []int64 // changes of the time step
	compact       []byte  // the smallest payload without compression
	compressible  []byte  // the payload that compresses best
	compressed    []byte  // compressible after compression
	xor           []byte
	decimal       decimal
	first, second []int64 // first and second differences of the decimals
}

// encode returns the payload of points and, unless compression was skipped, a
// compressed one. Both are valid until the next call.
func (e *chunkEncoder) encode(points []factory.Point) (plain, compressed []byte) {
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

// computeSteps computes how the step from time to time changes.
func (e *chunkEncoder) computeSteps(points []factory.Point) {
	e.steps = e.steps[:0]
	for i := 2; i < len(points); i++ {
		// Differences may wrap around; decoding wraps back.
		step, before := points[i].ObservedAt-points[i-1].ObservedAt, points[i-1].ObservedAt-points[i-2].ObservedAt
		e.steps = append(e.steps, step-before)
	}
}

func (e *chunkEncoder) appendTimes(out []byte, points []factory.Point, compact bool) []byte {
	out = binary.AppendVarint(out, points[0].ObservedAt)
	if len(points) == 1 {
		return out
	}
	out = binary.AppendVarint(out, points[1].ObservedAt-points[0].ObservedAt)
	return appendColumn(out, e.steps, compact)
}

func appendRaw(out []byte, points []factory.Point) []byte {
	out = append(out, valuesRaw)
	for _, p := range points {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(p.Value))
	}
	return out
}
