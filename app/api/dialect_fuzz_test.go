package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"testing"

	"smart-factory-backend/app/ingest/lineprotocol"

	"smart-factory-backend/app/factory"
)

// checkBatch fails the test unless the batch keeps to what the store relies on.
func checkBatch(t *testing.T, b *batch, most int) {
	t.Helper()
	if n := len(b.readings) + b.rejected; n > most {
		t.Fatalf("%d points, more than the limit", n)
	}
	if len(b.places) != len(b.readings) {
		t.Fatalf("%d places for %d readings", len(b.places), len(b.readings))
	}
	for i, r := range b.readings {
		if err := factory.ValidateReading(r, at); err != nil {
			t.Fatalf("reading %d: %v", i, err)
		}
		if b.pointer(i) == "" {
			t.Fatalf("reading %d has no place", i)
		}
	}
}

func FuzzDecodeInflux(f *testing.F) {
	f.Add([]byte("m,machine=a f=1,s=\"x\" 1700000000000000000\nm,host=b g=2i"), uint8(0), false)
	f.Add([]byte("m\\ x,machine=a\\,b f\\=g=t 1700000000\n# c\nbad\nm f=1"), uint8(3), true)
	f.Fuzz(func(t *testing.T, body []byte, precision uint8, measurement bool) {
		b := acquireBatch()
		defer b.release()
		mapping := influxMapping{precision: lineprotocol.Precision(precision % 4), machineTag: "machine", withMeasurement: measurement}
		if err := b.decodeInflux(bytes.Clone(body), mapping, at, 100); err != nil {
			if whole, ok := errors.AsType[*bodyError](err); !ok || whole.status != 413 {
				t.Fatalf("decodeInflux = %v, want 413 or none", err)
			}
			return
		}
		checkBatch(t, b, 100)
	})
}

// What is taken of a device's plain object is what encoding/json finds there.
func FuzzDecodeThingsBoard(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"2","c":true,"d":null,"e":{"x":[1]}}`), false)
	f.Add([]byte(`[{"ts":1700000000000,"values":{"a":1}},{"ts":"x","values":1}]`), false)
	f.Add([]byte(`{"A":[{"ts":1700000000000,"values":{"a":1}}],"B":{},"A":1,"":[]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, gateway bool) {
		b := acquireBatch()
		defer b.release()
		d := deviceDecoder{batch: b, s: scanner{b: bytes.Clone(body)}, now: at, max: 100}
		var err error
		if gateway {
			err = d.gateway()
		} else {
			err = d.device("m")
		}
		if err := located(err, body); err != nil {
			if _, ok := errors.AsType[*bodyError](err); !ok {
				t.Fatalf("decode = %v, want a bodyError", err)
			}
			return
		}
		checkBatch(t, b, 100)
		var want map[string]any
		if gateway || b.rejected > 0 || json.Unmarshal(body, &want) != nil || want["values"] != nil && want["ts"] != nil {
			return
		}
		for _, r := range b.readings {
			value := 0.0
			switch v := want[r.Metric].(type) {
			case float64:
				value = v
			case bool:
				if v {
					value = 1
				}
			case string:
				value, _ = strconv.ParseFloat(v, 64)
			default:
				t.Fatalf("%q: took %+v, encoding/json has %v", body, r, want)
			}
			if math.Float64bits(value) != math.Float64bits(r.Value) {
				t.Fatalf("%q: took %+v, encoding/json has %v", body, r, value)
			}
		}
	})
}

func BenchmarkDecodeInflux(b *testing.B) {
	var wide, narrow bytes.Buffer
	for i := range 1000 {
		if i%8 == 0 {
			fmt.Fprintf(&wide, "modbus,host=edge-1,machine=press-%d ", i/8)
		}
		fmt.Fprintf(&wide, "metric_%d=%v", i%8, float64(i)*1.0625+20)
		wide.WriteString(map[bool]string{true: fmt.Sprintf(" %d\n", at*1_000_000), false: ","}[i%8 == 7])
		fmt.Fprintf(&narrow, "modbus,host=edge-1,machine=press-%d temperature=%v %d\n", i%50, float64(i)*1.0625+20, (at+int64(i))*1_000_000)
	}
	for name, body := range map[string][]byte{"125x8": wide.Bytes(), "1000x1": narrow.Bytes()} {
		for _, measurement := range []bool{false, true} {
			b.Run(name+map[bool]string{true: "/measurement"}[measurement], func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					batch := acquireBatch()
					mapping := influxMapping{machineTag: "machine", withMeasurement: measurement}
					if err := batch.decodeInflux(body, mapping, at, 10_000); err != nil || len(batch.readings) != 1000 {
						b.Fatal(err, len(batch.readings), batch.errs)
					}
					batch.release()
				}
				b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "points/s")
			})
		}
	}
}
