package lineprotocol_test

import (
	"bytes"
	"fmt"
	"testing"

	"smart-factory-backend/app/ingest/lineprotocol"

	oracle "github.com/influxdata/line-protocol/v2/lineprotocol"
)

// telegrafLines returns what a Telegraf that polls machines sends: 125 lines of
// eight fields, or a line for each value.
func telegrafLines(wide bool) []byte {
	var b bytes.Buffer
	for i := range 125 {
		for j := range 8 {
			if j == 0 || !wide {
				fmt.Fprintf(&b, "modbus,host=edge-1,machine=press-%d,slave_id=1 ", i)
			} else {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "metric_%d=%v", j, float64(i*8+j)*1.0625+20)
			if j == 7 || !wide {
				b.WriteString(" 1700000000000000000\n")
			}
		}
	}
	return b.Bytes()
}

func countFields(input []byte) (fields int) {
	s := lineprotocol.NewScanner(input)
	var tag lineprotocol.Tag
	var field lineprotocol.Field
	for s.Next() {
		s.Measurement()
		for s.Tag(&tag) {
		}
		for s.Field(&field) {
			fields++
		}
		s.Timestamp()
		if s.Err() != nil {
			return -1
		}
	}
	return fields
}

func TestScannerDoesNotAllocate(t *testing.T) {
	input := append(telegrafLines(true), "m\\ x,a\\=b=c\\,d f=123456789.123456789,g=1i,h=\"x \\\" y\n\" 5\n"...)
	work := make([]byte, len(input))
	allocs := testing.AllocsPerRun(50, func() {
		copy(work, input)
		if countFields(work) != 1003 {
			t.Fatal("not all fields were read")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func BenchmarkScanner(b *testing.B) {
	for name, input := range map[string][]byte{"125x8": telegrafLines(true), "1000x1": telegrafLines(false)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				if countFields(input) != 1000 {
					b.Fatal("not all fields were read")
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "points/s")
		})
		b.Run(name+"/InfluxData", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				if n := countFieldsOracle(input); n != 1000 {
					b.Fatal("not all fields were read", n)
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "points/s")
		})
	}
}

func countFieldsOracle(input []byte) (fields int) {
	d := oracle.NewDecoderWithBytes(input)
	for d.Next() {
		_, _ = d.Measurement()
		for key, _, err := d.NextTag(); key != nil && err == nil; key, _, err = d.NextTag() {
		}
		for key, _, err := d.NextField(); key != nil && err == nil; key, _, err = d.NextField() {
			fields++
		}
		if _, err := d.TimeBytes(); err != nil {
			return -1
		}
	}
	return fields
}
