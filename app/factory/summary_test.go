package factory_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
)

// TestSummary: however a run of points is cut into pieces, its summary is the
// same, and its sum is rounded once.
func TestSummary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Float64Range(-1e-9, 1e-9), rapid.Float64Range(0, 1e15)), 1, 60).Draw(rt, "values")
		var points []factory.Point
		exact := new(big.Float).SetPrec(2200)
		increase, scale := 0.0, 0.0
		for i, v := range values {
			points = append(points, factory.Point{ObservedAt: int64(i), Value: v})
			exact.Add(exact, big.NewFloat(v))
			scale += math.Abs(v)
			if i > 0 {
				increase += factory.Growth(values[i-1], v)
			}
		}
		var whole, pieces, single factory.Summary
		whole.AddAll(points)
		for rest := points; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "piece")
			var piece factory.Summary
			piece.AddAll(rest[:n])
			pieces.Merge(piece)
			rest = rest[n:]
		}
		for _, p := range points {
			single.Add(p)
		}
		sum, _ := exact.Float64()
		for name, s := range map[string]factory.Summary{"whole": whole, "pieces": pieces, "single": single} {
			s.Fold()
			if s.Count != int64(len(points)) || s.First != points[0] || s.Last != points[len(points)-1] {
				rt.Fatalf("%s: %+v", name, s)
			}
			// Two doubles hold the sum to twice the precision of one.
			if math.Abs(s.Sum-sum) > math.Abs(sum)*0x1p-52+scale*0x1p-100 {
				rt.Fatalf("%s: sum %v, want %v", name, s.Sum, sum)
			}
			if math.Abs(s.Increase-increase) > 1e-12*scale {
				rt.Fatalf("%s: increase %v, want %v", name, s.Increase, increase)
			}
			if s.Min != whole.Min || s.Max != whole.Max {
				rt.Fatalf("%s: from %v to %v, want %v to %v", name, s.Min, s.Max, whole.Min, whole.Max)
			}
		}
	})
}

func TestSumBeyondADouble(t *testing.T) {
	t.Parallel()
	var s factory.Summary
	for range 3 {
		s.Add(factory.Point{Value: math.MaxFloat64})
	}
	if s.Fold(); !math.IsInf(s.Sum, 1) {
		t.Errorf("sum = %v, want infinity", s.Sum)
	}
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	for _, tt := range [][3]float64{{5, 9, 4}, {5, 5, 0}, {5, 2, 2}, {5, 0, 0}} {
		if got := factory.Growth(tt[0], tt[1]); got != tt[2] {
			t.Errorf("Growth(%v, %v) = %v, want %v", tt[0], tt[1], got, tt[2])
		}
	}
}
