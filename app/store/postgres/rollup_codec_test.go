package postgres_test

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

// minuteSummaries returns the minutes of an hour whose points are step
// milliseconds apart.
func minuteSummaries(start, step int64) (minutes []factory.Summary) {
	for at := start; at < start+3_600_000; at += step {
		if n := len(minutes); n == 0 || minutes[n-1].First.ObservedAt/60_000 != at/60_000 {
			minutes = append(minutes, factory.Summary{})
		}
		minutes[len(minutes)-1].Add(factory.Point{ObservedAt: at, Value: math.Sin(float64(at)) * 1e3})
	}
	return minutes
}

func TestMinutesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, start := range []int64{0, 1_774_000_800_000} {
		for _, step := range []int64{1, 999, 61_000, 3_599_999} {
			want := minuteSummaries(start, step)
			got, ok := postgres.DecodeMinutes(start, postgres.EncodeMinutes(start, want))
			if !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("start %d, step %d: DecodeMinutes(EncodeMinutes(minutes)) = %v, %t, want %v", start, step, got, ok, want)
			}
		}
	}
}

func FuzzDecodeMinutes(f *testing.F) {
	for _, step := range []int64{999, 61_000, 3_599_999} {
		data := postgres.EncodeMinutes(0, minuteSummaries(0, step))
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Add([]byte{})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, data []byte) {
		minutes, ok := postgres.DecodeMinutes(3_600_000, data)
		if !ok {
			return
		}
		if again := postgres.EncodeMinutes(3_600_000, minutes); !bytes.Equal(again, data) {
			t.Errorf("EncodeMinutes(DecodeMinutes(%x)) = %x", data, again)
		}
	})
}
