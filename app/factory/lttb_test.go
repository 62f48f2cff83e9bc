package factory_test

import (
	"testing"

	"smart-factory-backend/app/factory"
)

func TestLTTB(t *testing.T) {
	t.Parallel()
	// A spike between flat parts is what must not get lost.
	var points []factory.Point
	for i := range 1000 {
		points = append(points, factory.Point{ObservedAt: int64(i) * 10, Value: 1})
	}
	points[617].Value = 50
	pick := func(n, piece int) []factory.Point {
		got, err := factory.LTTB(n, len(points), func(take func([]factory.Point)) error {
			for rest := points; len(rest) > 0; {
				k := min(piece, len(rest))
				take(rest[:k])
				rest = rest[k:]
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, n := range []int{3, 10, 50, 999, 1000, 2000} {
		whole := pick(n, len(points))
		if len(whole) != min(n, len(points)) || whole[0] != points[0] || whole[len(whole)-1] != points[999] {
			t.Fatalf("LTTB(%d) = %d points, want the first and the last among %d", n, len(whole), n)
		}
		spike := false
		for i, p := range whole {
			spike = spike || p == points[617]
			if i > 0 && p.ObservedAt <= whole[i-1].ObservedAt {
				t.Fatalf("LTTB(%d): %v after %v", n, p, whole[i-1])
			}
		}
		if !spike {
			t.Errorf("LTTB(%d) has lost the spike", n)
		}
		for i, p := range pick(n, 7) {
			if p != whole[i] {
				t.Fatalf("LTTB(%d) in pieces: point %d is %v, want %v", n, i, p, whole[i])
			}
		}
	}
	if got := pick(2, 10); len(got) != 2 || got[0] != points[0] || got[1] != points[999] {
		t.Errorf("LTTB(2) = %v, want the first and the last", got)
	}
}
