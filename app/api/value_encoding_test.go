package api

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// shortest formats a number in the same notation with the standard library.
func shortest(v float64) string {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.FormatFloat(v, format, -1, 64)
}

func TestAppendFloatIsShortest(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, -0.1, 21.5, 0.0000001, 1e-7, 5e-8, 1e-6, 99999999.9999999, 99999999.99999999, 1e8, 1e15, 1e21, 1e300,
		math.MaxFloat64, math.SmallestNonzeroFloat64, 74.93588199999998, 0.30000000000000004, 123456.7654321, 1.0000001, 9007199254740993, -273.15,
	} {
		if got := string(appendFloat(nil, v)); got != shortest(v) {
			t.Errorf("appendFloat(%v) = %s, want %s", v, got, shortest(v))
		}
	}
	number := rapid.OneOf(
		rapid.Float64(),
		rapid.Map(rapid.Int64(), func(n int64) float64 { return math.Float64frombits(uint64(n)) }),
		rapid.Custom(func(t *rapid.T) float64 {
			n := rapid.Int64Range(-1e15, 1e15).Draw(t, "digits")
			return float64(n) / math.Pow10(rapid.IntRange(0, 12).Draw(t, "places"))
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		v := number.Draw(t, "v")
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		if got := string(appendFloat(nil, v)); got != shortest(v) {
			t.Fatalf("appendFloat(%x) = %s, want %s", v, got, shortest(v))
		}
	})
}
