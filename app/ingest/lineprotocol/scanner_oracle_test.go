package lineprotocol_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"smart-factory-backend/app/ingest/lineprotocol"

	oracle "github.com/influxdata/line-protocol/v2/lineprotocol"
	"pgregory.net/rapid"
)

// The oracle is InfluxData's decoder. The comparison excludes three intended
// differences: an open quote makes one line invalid and not the rest of the
// input, a comment may hold any character, and a number has no Go-specific
// spelling with 0x or underscores.

// point is a line as either decoder reads it; an invalid one is empty.
type point struct {
	invalid     bool
	measurement string
	tags        []string
	fields      []string
	timestamp   string
}

func (p point) String() string {
	if p.invalid {
		return "invalid"
	}
	return fmt.Sprint(p.measurement, p.tags, p.fields, p.timestamp)
}

func decodeOurs(input []byte) (points []point) {
	s := lineprotocol.NewScanner(bytes.Clone(input))
	var tag lineprotocol.Tag
	var field lineprotocol.Field
	for s.Next() {
		p := point{measurement: strings.Clone(s.Measurement())}
		for s.Tag(&tag) {
			p.tags = append(p.tags, fmt.Sprintf("%q=%q", tag.Key, tag.Value))
		}
		for s.Field(&field) {
			value := fmt.Sprintf("%q", unescape(field.Text))
			if field.Kind != lineprotocol.String {
				value = fmt.Sprintf("%x", math.Float64bits(field.Number))
			}
			p.fields = append(p.fields, fmt.Sprintf("%q=%d %s", field.Key, field.Kind, value))
		}
		if timestamp, given := s.Timestamp(); given {
			p.timestamp = fmt.Sprint(timestamp)
		}
		if s.Err() != nil {
			p = point{invalid: true}
		}
		points = append(points, p)
	}
	return points
}

var unescaper = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\r`, "\r", `\t`, "\t")

func unescape(s string) string { return unescaper.Replace(s) }

// decodeOracle decodes input with the oracle. whole is false if the input has an
// intended difference; points are those before it.
func decodeOracle(input []byte) (points []point, whole bool) {
	d := oracle.NewDecoderWithBytes(bytes.Clone(input))
	open := false // the last point may be an open quote with bad text behind it
	for d.Next() {
		p, err := oraclePoint(d)
		open = err != nil && strings.Contains(err.Error(), "invalid utf-8")
		if err != nil {
			switch text := err.Error(); {
			case errors.Is(err, errComment):
				continue
			case strings.Contains(text, "closing quote"):
				return points, false
			}
			p = point{invalid: true}
		}
		points = append(points, p)
	}
	if open {
		return points[:len(points)-1], false
	}
	return points, true
}

// errComment means that the oracle rejects a comment.
var errComment = errors.New("comment")

// goNumber matches a number that Go parses and the format does not allow.
var goNumber = regexp.MustCompile(`=-?(0[xX]|[0-9.][^,\s]*_)`)

func oraclePoint(d *oracle.Decoder) (p point, err error) {
	measurement, err := d.Measurement()
	if err != nil {
		for _, part := range []string{"comment line", `in token "#`, `invalid character ' '`} {
			if strings.Contains(err.Error(), part) {
				return p, errComment
			}
		}
		return p, err
	}
	p.measurement = string(measurement)
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		p.tags = append(p.tags, fmt.Sprintf("%q=%q", key, value))
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		p.fields = append(p.fields, fmt.Sprintf("%q", key)+oracleValue(value))
	}
	raw, err := d.TimeBytes()
	if err != nil || raw == nil {
		return p, err
	}
	var timestamp int64
	if _, err := fmt.Sscanf(string(raw), "%d", &timestamp); err != nil || fmt.Sprint(timestamp) != trimZeros(string(raw)) {
		return p, fmt.Errorf("timestamp %q", raw)
	}
	p.timestamp = fmt.Sprint(timestamp)
	return p, nil
}

// trimZeros removes leading zeros, which Sscanf reads and Sprint does not write.
func trimZeros(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if digits == "0" {
		sign = ""
	}
	return sign + digits
}

func oracleValue(v oracle.Value) string {
	kind, number := lineprotocol.Float, 0.0
	switch v.Kind() {
	case oracle.String:
		return fmt.Sprintf("=%d %q", lineprotocol.String, v.StringV())
	case oracle.Float:
		number = v.FloatV()
	case oracle.Int:
		kind, number = lineprotocol.Int, float64(v.IntV())
	case oracle.Uint:
		kind, number = lineprotocol.Uint, float64(v.UintV())
	case oracle.Bool:
		kind = lineprotocol.Bool
		if v.BoolV() {
			number = 1
		}
	}
	return fmt.Sprintf("=%d %x", kind, math.Float64bits(number))
}

// compare fails the test if the two decoders read input differently.
func compare(t interface{ Fatalf(string, ...any) }, input []byte) {
	if goNumber.Match(input) {
		return
	}
	got := decodeOurs(input)
	want, whole := decodeOracle(input)
	if !whole && len(got) > len(want) {
		got = got[:len(want)]
	}
	if bareCR(input) { // the oracle counts what is behind it as one more bad line
		got, want = slices.CompactFunc(got, bothInvalid), slices.CompactFunc(want, bothInvalid)
	}
	if len(got) != len(want) {
		t.Fatalf("%q: %d points, the oracle has %d:\n%v\n%v", input, len(got), len(want), got, want)
	}
	for i := range got {
		if got[i].String() != want[i].String() {
			t.Fatalf("%q: point %d is\n%v, the oracle has\n%v", input, i, got[i], want[i])
		}
	}
}

func bothInvalid(a, b point) bool { return a.invalid && b.invalid }

func bareCR(input []byte) bool {
	return bytes.Count(input, []byte("\r")) > bytes.Count(input, []byte("\r\n"))
}

// Scanner and the oracle find the same points and the same invalid lines in every
// input.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		"", "m f=1", "m,a=b f=1i,g=2u,h=t,i=\"x\" 5\r\n# c\n\nm f=-.5e-3", `m\,\ ,a\=\,\ =b\\ f\ \\=1,g="\"\\\n` + "\n" + `"`, "m f=9223372036854775808i\nm f=1",
		"m f=1 -", "m f=1 007", "m s=\"a", "m f=0x1p2,g=1", "a=b f=1\rm", "m,a=b\nm", "#\x00\nm f=1", "m f=1,\nm f=1e999", "é,ü=ö ä=1", "\xff f=1\nm s=\"\xff\n\",f=1\nm f=1", "m f=tru,g=1 1-2",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 1<<16 {
			return
		}
		compare(t, input)
	})
}

// The lines are random; most of them are valid.
func TestRandomLinesMatchTheOracle(t *testing.T) {
	t.Parallel()
	name := rapid.StringOfN(rapid.SampledFrom([]rune(`ab1é, =\"#`+"\t")), 1, 6, -1)
	value := rapid.OneOf(
		rapid.Map(rapid.Float64(), func(v float64) string { return fmt.Sprint(v) }),
		rapid.Map(rapid.Int64(), func(v int64) string { return fmt.Sprintf("%di", v) }),
		rapid.Map(rapid.Uint64(), func(v uint64) string { return fmt.Sprintf("%du", v) }),
		rapid.SampledFrom([]string{"t", "FALSE", "True", "1e3", "-.5", "1.", "1_0", "", "nan", "1i1", "99999999999999999999i"}),
		rapid.Map(rapid.StringOfN(rapid.SampledFrom([]rune("ab \\\"\n\ré,=")), 0, 8, -1), func(s string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		}),
	)
	escape := func(s string) string { return strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`).Replace(s) }
	line := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString(escape(name.Draw(t, "measurement")))
		for range rapid.IntRange(0, 3).Draw(t, "tags") {
			b.WriteString("," + escape(name.Draw(t, "key")) + "=" + escape(name.Draw(t, "value")))
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			b.WriteString(map[bool]string{true: " ", false: ","}[i == 0] + escape(name.Draw(t, "field")) + "=" + value.Draw(t, "value"))
		}
		b.WriteString(rapid.SampledFrom([]string{"", " ", " 1700000000000000000", " 5 ", " 5x", "\r", " \r"}).Draw(t, "timestamp"))
		return b.String()
	})
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(line, 1, 6).Draw(t, "lines")
		compare(t, []byte(strings.Join(lines, "\n")))
	})
}

func TestScannerReturnsValidUTF8(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		input := rapid.SliceOfN(rapid.SampledFrom([]byte("m,=f1 \"\\\n\xff\xc3\xa9")), 0, 40).Draw(t, "input")
		s := lineprotocol.NewScanner(bytes.Clone(input))
		var tag lineprotocol.Tag
		var field lineprotocol.Field
		for s.Next() {
			names := []string{s.Measurement()}
			for s.Tag(&tag) {
				names = append(names, tag.Key, tag.Value)
			}
			for s.Field(&field) {
				names = append(names, field.Key, field.Text)
			}
			for _, text := range names {
				if !utf8.ValidString(text) {
					t.Fatalf("%q: %q came out", input, text)
				}
			}
		}
	})
}
