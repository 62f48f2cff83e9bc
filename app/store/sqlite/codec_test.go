package sqlite_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

func samePoints(a, b []factory.Point) bool {
	return slices.EqualFunc(a, b, func(a, b factory.Point) bool {
		return a.ObservedAt == b.ObservedAt && math.Float64bits(a.Value) == math.Float64bits(b.Value)
	})
}

// pointsFrom makes points of bytes, 16 each.
func pointsFrom(data []byte) (points []factory.Point) {
	for ; len(data) >= 16; data = data[16:] {
		points = append(points, factory.Point{
			ObservedAt: int64(binary.LittleEndian.Uint64(data)),
			Value:      math.Float64frombits(binary.LittleEndian.Uint64(data[8:])),
		})
	}
	return points
}

func bytesOf(points []factory.Point) (data []byte) {
	for _, p := range points {
		data = binary.LittleEndian.AppendUint64(data, uint64(p.ObservedAt))
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(p.Value))
	}
	return data
}

// ascending sorts points and leaves one of each time.
func ascending(points []factory.Point) []factory.Point {
	slices.SortStableFunc(points, func(a, b factory.Point) int {
		if a.ObservedAt < b.ObservedAt {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(points, func(a, b factory.Point) bool { return a.ObservedAt == b.ObservedAt })
}

// sum appends the checksum, without which a decoder looks at nothing else.
func sum(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// someRuns are runs of points of different kinds.
func someRuns() map[string][]factory.Point {
	runs := map[string][]factory.Point{
		"one point":      {{ObservedAt: 5, Value: 1.5}},
		"the edges":      {{ObservedAt: math.MinInt64, Value: math.MaxFloat64}, {ObservedAt: 0, Value: math.Copysign(0, -1)}, {ObservedAt: math.MaxInt64, Value: 5e-324}},
		"equal values":   {{ObservedAt: 1, Value: 7}, {ObservedAt: 2, Value: 7}, {ObservedAt: 3, Value: 7}, {ObservedAt: 4, Value: 0}},
		"all bits apart": {{ObservedAt: 1, Value: math.Float64frombits(0)}, {ObservedAt: 2, Value: math.Float64frombits(math.MaxUint64)}, {ObservedAt: 3, Value: math.Float64frombits(1)}},
	}
	for i := range int64(512) {
		runs["regular"] = append(runs["regular"], factory.Point{ObservedAt: 1_700_000_000_000 + i*1000, Value: math.Round(2000+50*math.Sin(float64(i)/9)) / 100})
		runs["noise"] = append(runs["noise"], factory.Point{ObservedAt: i*i*i - 7*i, Value: math.Sin(float64(i*i)) * math.Exp(float64(i%40)-20)})
	}
	runs["noise"] = ascending(runs["noise"])
	return runs
}

func TestChunkKeepsEveryBit(t *testing.T) {
	t.Parallel()
	for name, points := range someRuns() {
		data := sqlite.EncodeChunk(points)
		got, err := sqlite.DecodeChunk(data)
		if err != nil || !samePoints(got, points) {
			t.Errorf("%s: DecodeChunk(EncodeChunk(points)) = %v, %v, want %v", name, got, err, points)
		}
		for i := range data {
			damaged := slices.Clone(data)
			damaged[i] ^= 0x10
			if _, err := sqlite.DecodeChunk(damaged); !errors.Is(err, sqlite.ErrCorrupt) {
				t.Fatalf("%s: DecodeChunk(byte %d changed) = %v, want ErrCorrupt", name, i, err)
			}
			if _, err := sqlite.DecodeChunk(data[:i]); !errors.Is(err, sqlite.ErrCorrupt) {
				t.Fatalf("%s: DecodeChunk(first %d bytes) = %v, want ErrCorrupt", name, i, err)
			}
		}
	}
}

func FuzzChunkRoundTrip(f *testing.F) {
	for _, points := range someRuns() {
		f.Add(bytesOf(points[:min(len(points), 40)]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		points := ascending(pointsFrom(data))
		if len(points) == 0 {
			return
		}
		got, err := sqlite.DecodeChunk(sqlite.EncodeChunk(points))
		if err != nil || !samePoints(got, points) {
			t.Fatalf("DecodeChunk(EncodeChunk(points)) = %v, %v, want %v", got, err, points)
		}
	})
}

func FuzzDecodeChunk(f *testing.F) {
	for _, points := range someRuns() {
		data := sqlite.EncodeChunk(points[:min(len(points), 40)])
		f.Add(data[:len(data)-4])
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2})
	f.Add([]byte{2, 1, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := sqlite.DecodeChunk(body); err != nil && !errors.Is(err, sqlite.ErrCorrupt) {
			t.Fatalf("DecodeChunk = %v, want ErrCorrupt", err)
		}
		points, err := sqlite.DecodeChunk(sum(body))
		if err != nil {
			if !errors.Is(err, sqlite.ErrCorrupt) {
				t.Fatalf("DecodeChunk = %v, want ErrCorrupt", err)
			}
			return
		}
		if cap(points) > 2*len(body) {
			t.Errorf("DecodeChunk took room for %d points from %d bytes", cap(points), len(body))
		}
		// What it accepts is a run of points like any other.
		got, err := sqlite.DecodeChunk(sqlite.EncodeChunk(points))
		if err != nil || !samePoints(got, points) {
			t.Fatalf("DecodeChunk(EncodeChunk(points)) = %v, %v, want %v", got, err, points)
		}
	})
}

func FuzzDecodeLog(f *testing.F) {
	ids := []int64{1, 2, 1 << 40, math.MaxInt64}
	points := []factory.Point{{ObservedAt: 9, Value: 1}, {ObservedAt: -9, Value: 2}, {ObservedAt: math.MaxInt64, Value: 3}, {ObservedAt: math.MinInt64, Value: math.Inf(1)}}
	for n := range len(ids) + 1 {
		data := sqlite.EncodeLog(ids[:n], points[:n])
		f.Add(data[:len(data)-4])
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2})
	f.Fuzz(func(t *testing.T, body []byte) {
		refuse := func(data []byte) ([]int64, []factory.Point, bool) {
			var ids []int64
			var points []factory.Point
			err := sqlite.DecodeLog(data, func(id int64, p factory.Point) error {
				ids, points = append(ids, id), append(points, p)
				return nil
			})
			if err != nil && !errors.Is(err, sqlite.ErrCorrupt) {
				t.Fatalf("DecodeLog = %v, want ErrCorrupt", err)
			}
			return ids, points, err != nil
		}
		refuse(body)
		ids, points, refused := refuse(sum(body))
		if refused {
			return
		}
		gotIDs, got, refused := refuse(sqlite.EncodeLog(ids, points))
		if refused || !slices.Equal(gotIDs, ids) || !samePoints(got, points) {
			t.Fatalf("DecodeLog(EncodeLog(%v, %v)) = %v, %v, refused %v", ids, points, gotIDs, got, refused)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("press-4", "temperature", int64(5), "SAA")
	f.Add("é/ ü", "", int64(math.MinInt64), "")
	f.Add(strings.Repeat("x", 128), strings.Repeat("y", 128), int64(math.MaxInt64), strings.Repeat("A", 2000))
	f.Fuzz(func(t *testing.T, machine, metric string, at int64, text string) {
		if len(machine) <= factory.MaxNameBytes && len(metric) <= factory.MaxNameBytes {
			cursor := sqlite.HistoryCursor(machine, metric, at)
			gotMachine, gotMetric, gotAt, err := sqlite.DecodeHistoryCursor(cursor)
			if err != nil || gotMachine != machine || gotMetric != metric || gotAt != at {
				t.Fatalf("cursor of (%q, %q, %d) = (%q, %q, %d), %v", machine, metric, at, gotMachine, gotMetric, gotAt, err)
			}
		}
		machine, metric, at, err := sqlite.DecodeHistoryCursor(text)
		if err == nil && sqlite.HistoryCursor(machine, metric, at) != text {
			t.Errorf("DecodeHistoryCursor(%q) accepts what is not a cursor", text)
		}
		if err != nil && !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("DecodeHistoryCursor(%q) = %v, want ErrInvalid", text, err)
		}
	})
}
