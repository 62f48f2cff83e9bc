package storetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

func notANumber() float64             { return math.NaN() }
func infinity(sign int) float64       { return math.Inf(sign) }
func negativeZero() float64           { return math.Copysign(0, -1) }
func fromBits(pattern uint64) float64 { return math.Float64frombits(pattern) }

// testValues: every finite double and every time is stored without loss.
func testValues(t *testing.T, open Opener) {
	values := []float64{
		0, negativeZero(), 1, -1, 0.1, 1.0 / 3, 74.93588199999998, math.Pi, 1e-300, 1e300,
		math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
		fromBits(0x000fffffffffffff), fromBits(0x0010000000000000), fromBits(0x8008000000000001), fromBits(0x7fefffffffffffff),
		1 << 53, 1<<53 + 2, math.MaxInt64, math.MinInt64, 0.30000000000000004, negativeZero(), negativeZero(), 0, 5e-324,
	}
	want := factory.Series{Metric: "a"}
	for i, v := range values {
		want.Points = append(want.Points, factory.Point{ObservedAt: factory.MinObservedAt + int64(i*i*i)*977, Value: v})
	}
	checkInAllStates(t, open,
		func(f *fixture) {
			for i, p := range want.Points {
				f.append(reading("a", p.ObservedAt, p.Value))
				f.append(reading(fmt.Sprintf("one-%02d", i), p.ObservedAt, p.Value))
			}
		},
		func(f *fixture) {
			if got := f.history("m", "a"); !sameSeries(got, []factory.Series{want}) {
				f.t.Errorf("History(a):\ngot  %v\nwant %v", got, want)
			}
			for i, p := range want.Points {
				metric := fmt.Sprintf("one-%02d", i)
				got := f.latest("m", metric)
				if len(got) != 1 || !sameReading(got[0], reading(metric, p.ObservedAt, p.Value)) {
					f.t.Errorf("Latest(%s) = %v, want %v at %d", metric, got, p.Value, p.ObservedAt)
				}
			}
		})
}

// testNames: series with different valid names are different series.
func testNames(t *testing.T, open Opener) {
	names := []string{
		"a", "A", "a/b", "a:b", "a.b", "a,b", "a b", "a\\b", "a\"b", "a'b", "a%b", "a_b", "a;b", "a=b", "a|b", "a#b", "a?b", "a*b", "[a]", "{a}", "$1", "?1", "--",
		"NULL", "0", "é", "e", "温度", "🏭", "ß", "ss", "İ", strings.Repeat("x", factory.MaxNameBytes), strings.Repeat("é", factory.MaxNameBytes/2), strings.Repeat("x", factory.MaxMetricBytes), strings.Repeat("é", factory.MaxMetricBytes/2),
		`disk_used_percent{device="sda1",path="/"}`, `disk_used_percent{device="sda1"}`, `m\{_f{a="c,\\\"d\\e"}`,
	}
	for _, name := range names {
		if err := factory.ValidateName(factory.KindMetric, name); err != nil {
			t.Fatalf("the suite's own name %q: %v", name, err)
		}
	}
	checkInAllStates(t, open,
		func(f *fixture) {
			var batch []factory.Reading
			for i, name := range names {
				if len(name) <= factory.MaxNameBytes {
					batch = append(batch, factory.Reading{Machine: name, Metric: "v", ObservedAt: 1, Value: float64(i)})
				}
				batch = append(batch, factory.Reading{Machine: "m", Metric: name, ObservedAt: 1, Value: float64(i)})
			}
			// Two pairs whose names read the same when put together.
			batch = append(batch,
				factory.Reading{Machine: "p/q", Metric: "r", ObservedAt: 1, Value: 1},
				factory.Reading{Machine: "p", Metric: "q/r", ObservedAt: 1, Value: 2})
			f.append(batch...)
		},
		func(f *fixture) {
			for i, name := range names {
				if len(name) <= factory.MaxNameBytes {
					f.wantHistory(name, series("v", 1, float64(i)))
				}
				if got := f.latest("m", name); len(got) != 1 || got[0].Metric != name || got[0].Value != float64(i) {
					f.t.Errorf("Latest(m, %q) = %v, want %d", name, got, i)
				}
			}
			if got := f.history("m"); len(got) != len(names) {
				f.t.Errorf("History(m) = %d series, want %d", len(got), len(names))
			}
			f.wantHistory("p/q", series("r", 1, 1))
			f.wantHistory("p", series("q/r", 1, 2))
		})
}
