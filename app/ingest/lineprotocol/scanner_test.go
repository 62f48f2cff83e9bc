package lineprotocol_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/ingest/lineprotocol"
)

// formatLines returns each line of the input as text: its parts, or its error.
func formatLines(input string) []string {
	var lines []string
	s := lineprotocol.NewScanner([]byte(input))
	var tag lineprotocol.Tag
	var field lineprotocol.Field
	for s.Next() {
		line := fmt.Sprintf("%d %q", s.Line(), s.Measurement())
		for s.Tag(&tag) {
			line += fmt.Sprintf(" %q=%q", tag.Key, tag.Value)
		}
		line += " |"
		for s.Field(&field) {
			line += fmt.Sprintf(" %q=", field.Key)
			switch field.Kind {
			case lineprotocol.String:
				line += fmt.Sprintf("%q", field.Text)
			default:
				line += map[lineprotocol.Kind]string{lineprotocol.Float: "", lineprotocol.Int: "int ", lineprotocol.Uint: "uint ", lineprotocol.Bool: "bool "}[field.Kind]
				line += fmt.Sprint(field.Number)
			}
		}
		if timestamp, given := s.Timestamp(); given {
			line += fmt.Sprintf(" @%d", timestamp)
		}
		if fault := s.Err(); fault != nil {
			line = fmt.Sprintf("line %d, column %d: %v", fault.Line, fault.Column, fault)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestScanner(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		input string
		want  []string
	}{
		"empty input":                            {input: ""},
		"empty lines and comments":               {input: "\n  \n# m f=1\r\n\r\n   # m f=1"},
		"a field":                                {input: "m f=1", want: []string{`1 "m" | "f"=1`}},
		"tags, fields and a timestamp":           {input: "m,a=b,c=d f=1,g=2i,h=3u,i=t,j=\"x\" 1700000000000000000\n", want: []string{`1 "m" "a"="b" "c"="d" | "f"=1 "g"=int 2 "h"=uint 3 "i"=bool 1 "j"="x" @1700000000000000000`}},
		"CR LF, and no newline at the end":       {input: "m f=1\r\nm f=2 5\r\nm f=3", want: []string{`1 "m" | "f"=1`, `2 "m" | "f"=2 @5`, `3 "m" | "f"=3`}},
		"repeated spaces":                        {input: "  m,a=b   f=1   5   \n", want: []string{`1 "m" "a"="b" | "f"=1 @5`}},
		"escapes in names":                       {input: `m\,\ \=,a\=\,\ =b\=\,\  f\=\,\ =1`, want: []string{`1 "m, \\=" "a=, "="b=, " | "f=, "=1`}},
		"a backslash before a backslash":         {input: `m\x\\,a\=\\b f\\=1`, want: []string{"line 1, column 19: expected = after the key of a field"}},
		"a backslash at the end of a name":       {input: `m\\ f=1`, want: []string{"line 1, column 8: the line has no fields"}},
		"= in a measurement":                     {input: "a=b f=1", want: []string{`1 "a=b" | "f"=1`}},
		"other scripts":                          {input: "печь,линия=№4 температура=21.5", want: []string{`1 "печь" "линия"="№4" | "температура"=21.5`}},
		"quotes belong to names":                 {input: `"m",a="b" "f"=1`, want: []string{`1 "\"m\"" "a"="\"b\"" | "\"f\""=1`}},
		"strings with newlines and quotes":       {input: "m s=\"a\nb \\\"c\\\\\",f=1 5\nm f=2", want: []string{`1 "m" | "s"="a\nb \\\"c\\\\" "f"=1 @5`, `3 "m" | "f"=2`}},
		"an empty string":                        {input: `m s=""`, want: []string{`1 "m" | "s"=""`}},
		"booleans":                               {input: "m a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE", want: []string{`1 "m" | "a"=bool 1 "b"=bool 1 "c"=bool 1 "d"=bool 1 "e"=bool 1 "f"=bool 0 "g"=bool 0 "h"=bool 0 "i"=bool 0 "j"=bool 0`}},
		"numbers":                                {input: "m a=-0,b=.5,c=1.,d=-1e3,e=1.5E-3,f=00012,g=123456789012345678901234567890", want: []string{`1 "m" | "a"=-0 "b"=0.5 "c"=1 "d"=-1000 "e"=0.0015 "f"=12 "g"=1.2345678901234568e+29`}},
		"integers of 64 bits":                    {input: "m a=9223372036854775807i,b=-9223372036854775808i,c=18446744073709551615u,d=-0i", want: []string{`1 "m" | "a"=int 9.223372036854776e+18 "b"=int -9.223372036854776e+18 "c"=uint 1.8446744073709552e+19 "d"=int 0`}},
		"integers beyond a double are rounded":   {input: "m a=9007199254740993i", want: []string{`1 "m" | "a"=int 9.007199254740992e+15`}},
		"a timestamp before 1970":                {input: "m f=1 -5", want: []string{`1 "m" | "f"=1 @-5`}},
		"an invalid line does not affect others": {input: "m f=1\nm f=\nm f=2\n\nm\nm f=3", want: []string{`1 "m" | "f"=1`, "line 2, column 5: expected a number, true, false, or text in quotes", `3 "m" | "f"=2`, "line 5, column 2: expected a comma and a tag, or a space and the fields", `6 "m" | "f"=3`}},
		"an open quote makes one line invalid":   {input: "m f=1\nm s=\"a\\\"\nm f=2", want: []string{`1 "m" | "f"=1`, "line 2, column 5: quote is never closed", `3 "m" | "f"=2`}},
		"NaN and infinity":                       {input: "m f=NaN\nm f=+Inf\nm f=-Inf\nm f=1e999", want: []string{"line 1, column 5: expected a number, true, false, or text in quotes", "line 2, column 5: expected a number, true, false, or text in quotes", "line 3, column 5: expected a number", "line 4, column 5: number outside the range of a 64-bit float"}},
		"numbers that the format does not allow": {input: "m f=0x10\nm f=1_000\nm f=+1\nm f=1,5", want: []string{"line 1, column 6: expected a comma, a space or the end of the line after a field", "line 2, column 6: expected a comma, a space or the end of the line after a field", "line 3, column 5: expected a number, true, false, or text in quotes", "line 4, column 8: expected = after the key of a field"}},
		"invalid integers":                       {input: "m f=1.5i\nm f=-1u\nm f=9223372036854775808i\nm f=18446744073709551616u\nm f=1e3i", want: []string{"line 1, column 8: expected a comma, a space or the end of the line after a field", "line 2, column 7: expected a comma, a space or the end of the line after a field", "line 3, column 5: integer outside the range of 64 bits", "line 4, column 5: integer outside the range of 64 bits", "line 5, column 8: expected a comma, a space or the end of the line after a field"}},
		"invalid booleans":                       {input: "m f=tru\nm f=tRUE\nm f=yes", want: []string{"line 1, column 5: expected true or false", "line 2, column 5: expected true or false", "line 3, column 5: expected a number, true, false, or text in quotes"}},
		"invalid tags":                           {input: "m, f=1\nm,a f=1\nm,a= f=1\nm,=b f=1\nm,a=b\nm,a=b=c f=1", want: []string{"line 1, column 3: expected the key of a tag", "line 2, column 4: expected = after the key of a tag", "line 3, column 5: expected the value of a tag", "line 4, column 3: expected the key of a tag", "line 5, column 6: expected a comma and a tag, or a space and the fields", "line 6, column 6: expected a comma and a tag, or a space and the fields"}},
		"invalid fields":                         {input: "m f\nm f =1\nm =1\nm f=1,\nm f=1, g=2\nm  ", want: []string{"line 1, column 4: expected = after the key of a field", "line 2, column 4: expected = after the key of a field", "line 3, column 3: expected the key of a field", "line 4, column 7: expected the key of a field", "line 5, column 7: expected the key of a field", "line 6, column 4: expected the key of a field"}},
		"invalid timestamps":                     {input: "m f=1 now\nm f=1 1.5\nm f=1 -\nm f=1 9223372036854775808\nm f=1 5 5", want: []string{"line 1, column 7: expected a timestamp, an integer of 64 bits", "line 2, column 8: unexpected data after the timestamp", "line 3, column 7: expected a timestamp, an integer of 64 bits", "line 4, column 7: expected a timestamp, an integer of 64 bits", "line 5, column 9: unexpected data after the timestamp"}},
		"control characters":                     {input: "m\tx f=1\nm,a=\x00 f=1\nm f\x7f=1\nm f=1\r5\nm f=2", want: []string{"line 1, column 2: expected a comma and a tag, or a space and the fields", "line 2, column 5: expected the value of a tag", "line 3, column 4: expected = after the key of a field", "line 4, column 6: expected a timestamp, an integer of 64 bits", `5 "m" | "f"=2`}},
		"invalid UTF-8":                          {input: "m\xff f=1\nm,a=\xc3 f=1\nm s=\"\xff\nm f=9\"\nm f=2", want: []string{"line 1, column 1: text is not valid UTF-8", "line 2, column 5: text is not valid UTF-8", "line 3, column 5: text is not valid UTF-8", `5 "m" | "f"=2`}},
		"no measurement":                         {input: ",a=b f=1\n\tm f=1", want: []string{"line 1, column 1: expected a measurement", "line 2, column 1: expected a measurement"}},
		"JSON":                                   {input: `{"machine":"m","values":{"a":1}}`, want: []string{"line 1, column 33: expected = after the key of a tag"}},
		"Telegraf: OPC UA input":                 {input: "opcua,host=edge-1,id=ns\\=3;s\\=Temperature Temperature=79.5,Quality=\"OK (0x0)\" 1700000000000000000\n", want: []string{`1 "opcua" "host"="edge-1" "id"="ns=3;s=Temperature" | "Temperature"=79.5 "Quality"="OK (0x0)" @1700000000000000000`}},
		"Telegraf: Modbus input":                 {input: "modbus,host=edge-1,name=press,slave_id=1,type=holding_register Current=12.5,Energy=4711u 1700000000000000000\n", want: []string{`1 "modbus" "host"="edge-1" "name"="press" "slave_id"="1" "type"="holding_register" | "Current"=12.5 "Energy"=uint 4711 @1700000000000000000`}},
		"Telegraf: MQTT input":                   {input: "mqtt_consumer,host=edge-1,topic=plant/press\\ 4/temperature value=71.5 1700000000000000000\n", want: []string{`1 "mqtt_consumer" "host"="edge-1" "topic"="plant/press 4/temperature" | "value"=71.5 @1700000000000000000`}},
		"Telegraf: CPU input":                    {input: "cpu,cpu=cpu0,host=edge-1 usage_idle=99.39879759519038,usage_user=0.20040080160320644 1700000000000000000\n", want: []string{`1 "cpu" "cpu"="cpu0" "host"="edge-1" | "usage_idle"=99.39879759519037 "usage_user"=0.20040080160320645 @1700000000000000000`}},
		"a measurement that begins with a hash":  {input: `\#m f=1`, want: []string{`1 "\\#m" | "f"=1`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := formatLines(tt.input)
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("%q:\ngot  %s\nwant %s", tt.input, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

// Parts that the caller does not read are skipped and checked.
func TestScannerSkipsUnreadParts(t *testing.T) {
	t.Parallel()
	const input = "m,a=b f=1,g=2 5\nm,a=b f=\nm,a=b f=1 6"
	s := lineprotocol.NewScanner([]byte(input))
	timestamps := []int64{}
	for s.Next() {
		timestamp, _ := s.Timestamp()
		timestamps = append(timestamps, timestamp)
	}
	if fmt.Sprint(timestamps) != "[5 0 6]" {
		t.Errorf("timestamps alone = %v, want [5 0 6]", timestamps)
	}
	s = lineprotocol.NewScanner([]byte(input))
	lines, faults := 0, 0
	for s.Next() {
		if lines++; s.Err() != nil {
			faults++
		}
		if s.Err() != nil && lines != 2 {
			t.Errorf("line %d has the fault %v", lines, s.Err())
		}
	}
	if lines != 3 || faults != 1 {
		t.Errorf("%d lines, %d of them bad, want 3 and 1", lines, faults)
	}
}

func TestPrecision(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		timestamp int64
		want      int64
	}{
		{"", 1_700_000_000_123_999_999, 1_700_000_000_123},
		{"ns", -1, -1},
		{"ns", -1_000_000, -1},
		{"us", 1_700_000_000_123_999, 1_700_000_000_123},
		{"ms", 1_700_000_000_123, 1_700_000_000_123},
		{"s", 1_700_000_000, 1_700_000_000_000},
		{"s", math.MaxInt64, math.MaxInt64},
		{"s", math.MinInt64, math.MinInt64},
	} {
		p, ok := lineprotocol.ParsePrecision(tt.name)
		if got := p.Millis(tt.timestamp); !ok || got != tt.want {
			t.Errorf("%q: Millis(%d) = %d, want %d", tt.name, tt.timestamp, got, tt.want)
		}
	}
	for _, name := range []string{"n", "u", "m", "h", "NS", "ms "} {
		if _, ok := lineprotocol.ParsePrecision(name); ok {
			t.Errorf("ParsePrecision(%q) = ok, want an unknown name", name)
		}
	}
}
