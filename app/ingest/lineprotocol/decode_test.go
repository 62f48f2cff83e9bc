package lineprotocol_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/ingesttest"
	"smart-factory-backend/app/ingest/lineprotocol"
)

func FuzzDecode(f *testing.F) {
	f.Add([]byte("m,machine=a f=1,s=\"x\" 1700000000000000000\nm,host=b g=2i"), uint8(0), false, false)
	f.Add([]byte("m\\ x,machine=a\\,b f\\=g=t 1700000000\n# c\nbad\nm f=1"), uint8(3), true, true)
	f.Add([]byte("cpu,cpu=cpu0,host=e usage=1,idle=2\ncpu,cpu=cpu1,host=e usage=1\nm\\\\\\ x,host=e,a\\ b=c\\,\\\"\\ d f=1"), uint8(0), true, true)
	f.Fuzz(func(t *testing.T, body []byte, precision uint8, measurement, tags bool) {
		b := ingest.NewBatch(ingesttest.Now, 100)
		defer b.Release()
		d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: measurement, Tags: tags}})
		if err := d.Decode(b, bytes.Clone(body), lineprotocol.Precision(precision%4)); err != nil {
			if e, ok := errors.AsType[*ingest.Error](err); !ok || e.Kind != ingest.TooLarge {
				t.Fatalf("Decode = %v, want a TooLarge error or none", err)
			}
			return
		}
		ingesttest.CheckBatch(t, b)
		// Series from the cache are the same.
		again := ingest.NewBatch(ingesttest.Now, 100)
		defer again.Release()
		if err := d.Decode(again, bytes.Clone(body), lineprotocol.Precision(precision%4)); err != nil || !slices.EqualFunc(b.Readings, again.Readings, equalReadings) || !slices.Equal(b.Errors, again.Errors) {
			t.Fatalf("Decode of the same body again = %+v, %+v, %v, want %+v, %+v", again.Readings, again.Errors, err, b.Readings, b.Errors)
		}
	})
}

// What a decoder has seen before does not change what it makes of a body.
func FuzzDecodeAfterOthers(f *testing.F) {
	f.Add([]byte("cpu,cpu=cpu0,host=e usage=1"), []byte("cpu,cpu=cpu0,host=e usage=2,idle=3\ncpu,cpu=cpu0 x=1"))
	f.Add([]byte("m\\ x,host=e,a=b f=1\nm,host=e f=1"), []byte("m\\ x,host=e,a=b g=1,f=2\nm,host=e\\ f=1\nm,host=e  f=t"))
	f.Add([]byte("a,host=e b=1\n"), []byte("a,host=e\nb=1 c=2\na,host=e b=1,b=2"))
	f.Fuzz(func(t *testing.T, before, body []byte) {
		mapping := lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: true, Tags: true}}
		warm, fresh := lineprotocol.NewDecoder(mapping), lineprotocol.NewDecoder(mapping)
		ignored := ingest.NewBatch(ingesttest.Now, 1000)
		defer ignored.Release()
		_ = warm.Decode(ignored, bytes.Clone(before), lineprotocol.Nanosecond)
		a, b := ingest.NewBatch(ingesttest.Now, 1000), ingest.NewBatch(ingesttest.Now, 1000)
		defer a.Release()
		defer b.Release()
		errA, errB := warm.Decode(a, bytes.Clone(body), lineprotocol.Nanosecond), fresh.Decode(b, bytes.Clone(body), lineprotocol.Nanosecond)
		if (errA == nil) != (errB == nil) || !slices.EqualFunc(a.Readings, b.Readings, equalReadings) || !slices.Equal(a.Errors, b.Errors) || a.Skipped != b.Skipped {
			t.Errorf("after %q, %q decodes to %+v, %+v, %v, and otherwise to %+v, %+v, %v", before, body, a.Readings, a.Errors, errA, b.Readings, b.Errors, errB)
		}
	})
}

func equalReadings(a, b factory.Reading) bool {
	if a.Text != nil && b.Text != nil && *a.Text == *b.Text {
		a.Text, b.Text = nil, nil
	}
	return a == b
}

func BenchmarkDecode(b *testing.B) {
	var wide, narrow bytes.Buffer
	for i := range 1000 {
		if i%8 == 0 {
			fmt.Fprintf(&wide, "modbus,host=edge-1,machine=press-%d ", i/8)
		}
		fmt.Fprintf(&wide, "metric_%d=%v", i%8, float64(i)*1.0625+20)
		wide.WriteString(map[bool]string{true: fmt.Sprintf(" %d\n", ingesttest.Now*1_000_000), false: ","}[i%8 == 7])
		fmt.Fprintf(&narrow, "modbus,host=edge-1,machine=press-%d temperature=%v %d\n", i%50, float64(i)*1.0625+20, (ingesttest.Now+int64(i))*1_000_000)
	}
	for name, body := range map[string][]byte{"125x8": wide.Bytes(), "1000x1": narrow.Bytes()} {
		for _, measurement := range []bool{false, true} {
			b.Run(name+map[bool]string{true: "/measurement"}[measurement], func(b *testing.B) {
				d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: measurement, Tags: measurement}})
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					batch := ingest.NewBatch(ingesttest.Now, 10_000)
					if err := d.Decode(batch, body, lineprotocol.Nanosecond); err != nil || len(batch.Readings) != 1000 {
						b.Fatal(err, len(batch.Readings), batch.Errors)
					}
					batch.Release()
				}
				b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "points/s")
			})
		}
	}
}
