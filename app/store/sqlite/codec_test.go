package sqlite_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

func samePoints(a, b []factory.Point) bool {
	return slices.EqualFunc(a, b, func(a, b factory.Point) bool {
		return a.ObservedAt == b.ObservedAt && math.Float64bits(a.Value) == math.Float64bits(b.Value)
	})
}

// pointsFromBytes decodes points of 16 bytes each.
func pointsFromBytes(data []byte) (points []factory.Point) {
	for ; len(data) >= 16; data = data[16:] {
		points = append(points, factory.Point{
			ObservedAt: int64(binary.LittleEndian.Uint64(data)),
			Value:      math.Float64frombits(binary.LittleEndian.Uint64(data[8:])),
		})
	}
	return points
}

func pointsToBytes(points []factory.Point) (data []byte) {
	for _, p := range points {
		data = binary.LittleEndian.AppendUint64(data, uint64(p.ObservedAt))
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(p.Value))
	}
	return data
}

// ascending sorts points and keeps one per time.
func ascending(points []factory.Point) []factory.Point {
	slices.SortStableFunc(points, func(a, b factory.Point) int {
		if a.ObservedAt < b.ObservedAt {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(points, func(a, b factory.Point) bool { return a.ObservedAt == b.ObservedAt })
}

// withChecksum appends the checksum that decoders verify first.
func withChecksum(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// samplePoints returns sequences of points of different kinds.
func samplePoints() map[string][]factory.Point {
	runs := map[string][]factory.Point{
		"one point":      {{ObservedAt: 5, Value: 1.5}},
		"the edges":      {{ObservedAt: math.MinInt64, Value: math.MaxFloat64}, {ObservedAt: 0, Value: math.Copysign(0, -1)}, {ObservedAt: math.MaxInt64, Value: 5e-324}},
		"equal values":   {{ObservedAt: 1, Value: 7}, {ObservedAt: 2, Value: 7}, {ObservedAt: 3, Value: 7}, {ObservedAt: 4, Value: 0}},
		"all bits apart": {{ObservedAt: 1, Value: math.Float64frombits(0)}, {ObservedAt: 2, Value: math.Float64frombits(math.MaxUint64)}, {ObservedAt: 3, Value: math.Float64frombits(1)}},
	}
	add := func(name string, at int64, value float64) {
		runs[name] = append(runs[name], factory.Point{ObservedAt: at, Value: value})
	}
	for i := range int64(512) {
		at := 1_700_000_000_000 + i*1000
		add("many digits", at, 74.93588199999998+float64(i%17)/1e8)
		add("twelve decimals", at, math.Round(float64(i*i)*1e9/7)/1e12)
		add("float32", at+i%3, float64(float32(math.Round(float64(i%50)*31)/10)))
		add("float32, all bits", at, float64(float32(math.Sin(float64(i)))))
		add("counter", at, float64(i*3))
		add("huge counter", at, float64(i)*1e15)
		add("switch", at, float64(i/37%2))
		add("zeros of both signs", at, math.Copysign(0, float64(i%3)-1))
		add("decimals with outliers", at, []float64{20.5, 20.6, 1e300, math.Pi}[max(0, i%50-46)])
		add("not finite", at, []float64{1, math.Inf(1), math.Inf(-1), math.NaN(), -1e-310}[i%5])
		runs["regular"] = append(runs["regular"], factory.Point{ObservedAt: 1_700_000_000_000 + i*1000, Value: math.Round(2000+50*math.Sin(float64(i)/9)) / 100})
		runs["noise"] = append(runs["noise"], factory.Point{ObservedAt: i*i*i - 7*i, Value: math.Sin(float64(i*i)) * math.Exp(float64(i%40)-20)})
	}
	runs["noise"] = ascending(runs["noise"])
	return runs
}

func TestChunkRoundTripIsLossless(t *testing.T) {
	t.Parallel()
	for name, points := range samplePoints() {
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

func TestDecodeChunkV1(t *testing.T) {
	t.Parallel()
	for name, points := range samplePoints() {
		got, err := sqlite.DecodeChunk(sqlite.EncodeChunkV1(points))
		if err != nil || !samePoints(got, points) {
			t.Errorf("%s: DecodeChunk(EncodeFirstChunk(points)) = %v, %v, want %v", name, got, err, points)
		}
	}
}

// TestChunkSizes limits the bytes per point for different kinds of data.
func TestChunkSizes(t *testing.T) {
	t.Parallel()
	runs := samplePoints()
	for name, most := range map[string]float64{
		"regular": 1.2, "many digits": 1.3, "twelve decimals": 4.6, "float32": 1.7, "float32, all bits": 4.5, "counter": 0.1, "switch": 0.4,
		"equal values": 8, "noise": 11, "zeros of both signs": 1.5,
	} {
		points := runs[name]
		if got := float64(len(sqlite.EncodeChunk(points))) / float64(len(points)); got > most {
			t.Errorf("%s: %.2f bytes a point, want at most %.2f", name, got, most)
		}
	}
}

func FuzzChunkRoundTrip(f *testing.F) {
	for _, points := range samplePoints() {
		f.Add(pointsToBytes(points[:min(len(points), 40)]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		points := ascending(pointsFromBytes(data))
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
	for _, points := range samplePoints() {
		for _, n := range []int{40, len(points)} {
			data := sqlite.EncodeChunk(points[:min(len(points), n)])
			f.Add(data[:len(data)-4])
		}
		data := sqlite.EncodeChunkV1(points[:min(len(points), 40)])
		f.Add(data[:len(data)-4])
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2})
	f.Add([]byte{2, 0, 1, 0})
	f.Add([]byte{2, 1, 1, 40, 0x28, 0xb5, 0x2f, 0xfd})
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := sqlite.DecodeChunk(body); err != nil && !errors.Is(err, sqlite.ErrCorrupt) {
			t.Fatalf("DecodeChunk = %v, want ErrCorrupt", err)
		}
		points, err := sqlite.DecodeChunk(withChecksum(body))
		if err != nil {
			if !errors.Is(err, sqlite.ErrCorrupt) {
				t.Fatalf("DecodeChunk = %v, want ErrCorrupt", err)
			}
			return
		}
		if cap(points) > 2*1<<16 {
			t.Errorf("DecodeChunk took room for %d points from %d bytes", cap(points), len(body))
		}
		// Whatever is accepted can be encoded again.
		got, err := sqlite.DecodeChunk(sqlite.EncodeChunk(points))
		if err != nil || !samePoints(got, points) {
			t.Fatalf("DecodeChunk(EncodeChunk(points)) = %v, %v, want %v", got, err, points)
		}
	})
}

func TestRollupRoundTripIsLossless(t *testing.T) {
	t.Parallel()
	for name, points := range samplePoints() {
		if name == "not finite" || name == "the edges" || name == "all bits apart" {
			continue // not values of a store, or a sum that overflows
		}
		for _, counter := range []bool{false, true} {
			data, want := sqlite.EncodeRollup(points, 60_000, counter)
			got, hasIncrease, err := sqlite.DecodeRollup(data)
			if err != nil || hasIncrease != counter || !slices.Equal(got, want) {
				t.Errorf("%s: DecodeRollup(EncodeRollup(points)) = %v, %t, %v, want %v", name, got, hasIncrease, err, want)
			}
		}
	}
}

// Rollups of version 1 stay readable; their sums are rounded.
func TestDecodeRollupV1(t *testing.T) {
	t.Parallel()
	points := samplePoints()["regular"]
	for _, counter := range []bool{false, true} {
		data, want := sqlite.EncodeRollup(points, 60_000, counter)
		old := []byte{1}
		for column, rest := 0, data[1:]; len(rest) > 0; column++ {
			size, length := binary.Uvarint(rest)
			if whole := length + int(size); column != 6 {
				old = append(old, rest[:whole]...)
			}
			rest = rest[length+int(size):]
		}
		for i := range want {
			want[i] = want[i].WithCarry(0)
		}
		got, hasIncrease, err := sqlite.DecodeRollup(old)
		if err != nil || hasIncrease != counter || !slices.Equal(got, want) {
			t.Errorf("DecodeRollup of the first version = %v, %t, %v, want %v", got, hasIncrease, err, want)
		}
	}
}

func FuzzDecodeRollup(f *testing.F) {
	for _, points := range samplePoints() {
		for _, counter := range []bool{false, true} {
			data, _ := sqlite.EncodeRollup(points, 60_000, counter)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, _, err := sqlite.DecodeRollup(data)
		if err != nil && !errors.Is(err, sqlite.ErrCorrupt) {
			t.Fatalf("DecodeRollup = %v, want ErrCorrupt", err)
		}
		if err == nil && len(entries) == 0 {
			t.Error("DecodeRollup = no entries and no error")
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
		ids, points, refused := refuse(withChecksum(body))
		if refused {
			return
		}
		gotIDs, got, refused := refuse(sqlite.EncodeLog(ids, points))
		if refused || !slices.Equal(gotIDs, ids) || !samePoints(got, points) {
			t.Fatalf("DecodeLog(EncodeLog(%v, %v)) = %v, %v, refused %v", ids, points, gotIDs, got, refused)
		}
	})
}
