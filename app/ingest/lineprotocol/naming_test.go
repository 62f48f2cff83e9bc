package lineprotocol_test

import (
	"fmt"
	"strings"
	"testing"

	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/ingesttest"
	"smart-factory-backend/app/ingest/lineprotocol"

	"pgregory.net/rapid"
)

// decodeLines returns the readings of lines as "machine/metric=value", and what is
// rejected.
func decodeLines(t testing.TB, d *lineprotocol.Decoder, lines string) (readings, rejected []string) {
	t.Helper()
	b := ingest.NewBatch(ingesttest.Now, 1000)
	defer b.Release()
	if err := d.Decode(b, []byte(lines), lineprotocol.Nanosecond); err != nil {
		t.Fatalf("Decode(%q) = %v", lines, err)
	}
	for _, r := range b.Readings {
		readings = append(readings, fmt.Sprintf("%s/%s=%v", strings.Clone(r.Machine), strings.Clone(r.Metric), r.Value))
	}
	for _, e := range b.Errors {
		rejected = append(rejected, e.Pointer+": "+e.Detail)
	}
	return readings, rejected
}

func TestNaming(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		line         string
		full, short  string // the metric with tags, with and without the measurement
		dropped      string // without tags
		fullRejected string
	}{
		"no further tags":              {line: "mem,host=e used_percent=1", full: "mem_used_percent", short: "used_percent", dropped: "used_percent"},
		"tags are sorted":              {line: "disk,path=/,host=e,device=sda1 used_percent=1", full: `disk_used_percent{device="sda1",path="/"}`, short: `used_percent{device="sda1",path="/"}`, dropped: "used_percent"},
		"host next to machine":         {line: "modbus,host=edge,machine=e strokes=1", full: `modbus_strokes{host="edge"}`, short: `strokes{host="edge"}`, dropped: "strokes"},
		"inputs with compound names":   {line: "mqtt_consumer,host=e,topic=plant/a value=1", full: `mqtt_consumer_value{topic="plant/a"}`, short: `value{topic="plant/a"}`, dropped: "value"},
		"other compound names":         {line: "press_data,host=e temp=1", full: `press_data_temp{_measurement="press_data"}`, short: "temp", dropped: "temp"},
		"the label takes its place":    {line: "press_data,Zone=1,host=e,a=b temp=1", full: `press_data_temp{Zone="1",_measurement="press_data",a="b"}`, short: `temp{Zone="1",a="b"}`, dropped: "temp"},
		"looks like a compound name":   {line: "mqtt,host=e consumer_value=1", full: `mqtt_consumer_value{_measurement="mqtt"}`, short: "consumer_value", dropped: "consumer_value"},
		"escapes":                      {line: `m,host=e,a\ b=c\,\"d\e f=1`, full: `m_f{"a b"="c,\\\"d\\e"}`, short: `f{"a b"="c,\\\"d\\e"}`, dropped: "f"},
		"braces in names":              {line: `m{,host=e f\{\=1}=1`, full: `m\{_f\\\{=1}`, short: `f\\\{=1}`, dropped: `f\{=1}`},
		"letters beyond ASCII":         {line: "m,host=e,ort=Köln f=1", full: `m_f{ort="Köln"}`, short: `f{ort="Köln"}`, dropped: "f"},
		"invisible characters in tags": {line: "m,host=e,a=x\u200by f=1", full: `m_f{a="x\u200by"}`, short: `f{a="x\u200by"}`, dropped: "f"},
		"tags not in form C":           {line: "m,host=e,a=u\u0308 f=1", full: `m_f{a="u\u0308"}`, short: `f{a="u\u0308"}`, dropped: "f"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for want, naming := range map[string]lineprotocol.Naming{tt.full: {Measurement: true, Tags: true}, tt.short: {Tags: true}, tt.dropped: {}} {
				d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: naming})
				for range 2 { // the second time the series is in the cache
					readings, rejected := decodeLines(t, d, tt.line)
					if len(readings) != 1 || readings[0] != "e/"+want+"=1" {
						t.Errorf("Decode(%s) with %+v = %q, %q, want the metric %s", tt.line, naming, readings, rejected, want)
					}
				}
			}
		})
	}
}

func TestNamingRejects(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"m,host=e,a=1,a=2 f=1":                            "line 1: the tag a appears more than once",
		"m,host=e,_measurement=x f=1":                     "line 1: the tag _measurement is reserved",
		"m,host=e,a=" + strings.Repeat("x", 513) + " f=1": "line 1: metric name has 522 bytes, more than 512",
		"m,machine=e,host=a,host=b f=1":                   "line 1: the tag host appears more than once",
	} {
		d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: true, Tags: true}})
		if readings, rejected := decodeLines(t, d, line); len(readings) > 0 || len(rejected) != 1 || rejected[0] != want {
			t.Errorf("Decode(%.60s) = %q, %q, want %q", line, readings, rejected, want)
		}
	}
}

// Metrics of an earlier release keep their names, and no others.
func TestEarlierNames(t *testing.T) {
	t.Parallel()
	d := lineprotocol.NewDecoder(lineprotocol.Mapping{
		MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: true, Tags: true},
		Earlier: lineprotocol.Earlier{Has: func(machine, metric string) bool { return machine == "e" && metric == "usage" }},
	})
	want := `[e/usage=1 e/cpu_idle{cpu="cpu0"}=2 f/cpu_usage{cpu="cpu0"}=3]`
	for range 2 { // the second time the series are in the cache
		if readings, rejected := decodeLines(t, d, "cpu,cpu=cpu0,host=e usage=1,idle=2\ncpu,cpu=cpu0,host=f usage=3"); fmt.Sprint(readings) != want {
			t.Errorf("readings = %v, %v, want %s", readings, rejected, want)
		}
	}
}

// series is what a sender tells apart, besides the machine.
type series struct {
	measurement, field string
	tags               map[string]string
}

func (r series) line() string {
	escape := strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`).Replace
	text := strings.ReplaceAll(escape(r.measurement), `\=`, "=") + ",machine=e"
	for key, value := range r.tags {
		text += "," + escape(key) + "=" + escape(value)
	}
	return text + " " + escape(r.field) + "=1"
}

// No two series have the same metric.
func TestNamingIsInjective(t *testing.T) {
	t.Parallel()
	// Few letters, so that series collide if they can. A backslash at the end of a
	// name would escape what follows it.
	name := rapid.StringMatching(`[ab_{}"=,:\\]{0,5}[ab_{}",:]`)
	compound := rapid.SampledFrom([]string{"mqtt_consumer", "mqtt", "consumer_a", "mqtt_consumer_a", "a", "a_b", "b", `a{a="b"}`})
	keys := rapid.OneOf(name, rapid.Just("a"))
	values := rapid.OneOf(name, rapid.Just("b"))
	oneSeries := rapid.Custom(func(t *rapid.T) series {
		return series{
			rapid.OneOf(name, compound).Draw(t, "measurement"), rapid.OneOf(name, compound).Draw(t, "field"),
			rapid.MapOfN(keys, values, 0, 2).Draw(t, "tags"),
		}
	})
	for _, naming := range []lineprotocol.Naming{{Measurement: true, Tags: true}, {Tags: true}} {
		t.Run(fmt.Sprintf("%+v", naming), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: naming})
				known := map[string]string{} // metric → series
				for _, one := range rapid.SliceOfN(oneSeries, 200, 300).Draw(r, "series") {
					if !naming.Measurement {
						one.measurement = "m"
					}
					readings, rejected := decodeLines(t, d, one.line())
					if len(readings) == 0 {
						r.Fatalf("%s is rejected: %q", one.line(), rejected)
					}
					identity := fmt.Sprintf("%q %q %q", one.measurement, one.field, one.tags)
					if other, used := known[readings[0]]; used && other != identity {
						r.Fatalf("%s and %s have the metric %s", identity, other, readings[0])
					}
					known[readings[0]] = identity
				}
			})
		})
	}
}

// A series that was seen before costs no memory.
func TestDecodeDoesNotAllocate(t *testing.T) {
	line := []byte(strings.Repeat("disk,device=sda1,host=e,path=/ used=1,free=2,used_percent=3\n", 10))
	d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: true, Tags: true}})
	b := ingest.NewBatch(ingesttest.Now, 1000)
	allocs := testing.AllocsPerRun(50, func() {
		b.Reset()
		if err := d.Decode(b, line, lineprotocol.Nanosecond); err != nil || len(b.Readings) != 30 {
			t.Fatal(err, len(b.Readings))
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

// The decoder forgets series rather than growing without end.
func TestDecodeManySeries(t *testing.T) {
	t.Parallel()
	d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: true, Tags: true}})
	padding := strings.Repeat("x", 400)
	for i := range 60_000 {
		if readings, _ := decodeLines(t, d, fmt.Sprintf("m,host=e,n=%d%s f=1", i, padding)); len(readings) != 1 {
			t.Fatalf("series %d is rejected", i)
		}
	}
	if used := lineprotocol.CacheBytes(d); used > 16<<20 || used < 1<<20 {
		t.Errorf("the decoder holds %d bytes, want at most 16 MiB and some", used)
	}
	want := `e/m_f{n="0` + padding + `"}=1`
	if readings, _ := decodeLines(t, d, "m,host=e,n=0"+padding+" f=1"); readings[0] != want {
		t.Errorf("forgotten series = %s, want %s", readings[0], want)
	}
}

// Lines that are rejected do not let known series grow without bounds.
func TestRejectedLinesGrowNoSeries(t *testing.T) {
	t.Parallel()
	d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: "machine", Naming: lineprotocol.Naming{Measurement: true, Tags: true}})
	var fields strings.Builder
	for i := range 250 {
		fmt.Fprintf(&fields, ",f%d%s=1", i, strings.Repeat("x", 400))
	}
	for i := range 300 {
		line := fmt.Sprintf("m,host=e,n=%d f=1", i)
		if readings, rejected := decodeLines(t, d, line); len(readings) != 1 {
			t.Fatalf("%s is rejected: %v", line, rejected)
		}
		if readings, _ := decodeLines(t, d, line+fields.String()+",bad\n"); len(readings) != 0 {
			t.Fatal("a line with a field without a value is accepted")
		}
	}
	if used := lineprotocol.CacheBytes(d); used > 20<<20 {
		t.Errorf("the decoder holds %d bytes, want about 16 MiB at most", used)
	}
}
