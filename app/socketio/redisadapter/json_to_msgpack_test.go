package redisadapter

import (
	"bytes"
	"strings"
	"testing"
)

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ json, want string }{
		"the smallest form of a number": {`[0,127,128,255,256,65535,65536,4294967295,4294967296]`, "99 00 7f cc80 ccff cd0100 cdffff ce00010000 ceffffffff cf0000000100000000"},
		"of a negative one":             {`[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649]`, "99 ff e0 d0df d080 d1ff7f d18000 d2ffff7fff d280000000 d3ffffffff7fffffff"},
		"fractions and whole floats":    {`[1.1,1e3,1.0,-2.50]`, "94 cb3ff199999999999a cd03e8 01 cbc004000000000000"},
		"out of an integer's range":     {`[1e300,18446744073709551616,1e400]`, "93 cb7e37e43c8800759c cb43f0000000000000 cb7ff0000000000000"},
		"words and spaces":              {" [ null , true,false\n]\t", "93 c0 c3 c2"},
		"escapes":                       {`"\u00e9\n\ud83d\ude00"`, "a7 c3a9 0a f09f9880"},
		"objects keep their order":      {`{"b":{},"a":[]}`, "82 a162 80 a161 90"},
		"16 elements take 3 bytes":      {"[" + strings.Repeat("1,", 15) + "1]", "dc0010" + strings.Repeat("01", 16)},
		"a placeholder without binary":  {`{"_placeholder":true,"num":0}`, "82 ac 5f706c616365686f6c646572 c3 a3 6e756d 00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := appendJSON(nil, []byte(tt.json), nil); err != nil || !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("appendJSON(%s) = %x, %v, want %s", tt.json, got, err, tt.want)
			}
		})
	}
}

func TestAppendJSONLengths(t *testing.T) {
	t.Parallel()
	for _, n := range []int{31, 32, 255, 256, 65535, 65536} {
		text := `["` + strings.Repeat("a", n) + `",{"_placeholder":true,"num":0}]`
		packed, err := appendJSON(nil, []byte(text), [][]byte{make([]byte, n)})
		if err != nil {
			t.Fatal(err)
		}
		got, attachments, err := toJSON(packed)
		if err != nil || string(got) != text || len(attachments) != 1 || len(attachments[0]) != n {
			t.Errorf("a string and a binary of %d bytes did not survive the round trip: %v", n, err)
		}
	}
	long := "[" + strings.Repeat("[0],", 70_000) + "{}]"
	packed, err := appendJSON(nil, []byte(long), nil)
	if got, _, back := toJSON(packed); err != nil || back != nil || string(got) != long {
		t.Errorf("an array of 70 001 did not survive the round trip: %v, %v", err, back)
	}
}

func TestAppendJSONPlaceholders(t *testing.T) {
	t.Parallel()
	attachments := [][]byte{{1}, {2}}
	for _, text := range []string{
		`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
		`[ { "_placeholder" : true , "num" : 0 }, {"num":1,"_placeholder":true} ]`,
	} {
		if got, err := appendJSON(nil, []byte(text), attachments); err != nil || !bytes.Equal(got, unhex(t, "92 c40101 c40102")) {
			t.Errorf("appendJSON(%s) = %x, %v", text, got, err)
		}
	}
	for _, text := range []string{
		`{"_placeholder":true,"num":2}`, `{"_placeholder":true,"num":-1}`, `{"_placeholder":false,"num":0}`, `{"_placeholder":true}`,
	} {
		packed, err := appendJSON(nil, []byte(text), attachments)
		if got, _, back := toJSON(packed); err != nil || back != nil || string(got) != text {
			t.Errorf("appendJSON(%s) = %x, %v: want the object unchanged", text, packed, err)
		}
	}
}

func TestAppendJSONRejectsInvalidJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "[", "[1", "[1 2]", `{"a"}`, `{"a" 1}`, `{1:2}`, `"a`, "nul", "tru", "x", "-", "[1]]", strings.Repeat("[", 10_000),
	} {
		if got, err := appendJSON(nil, []byte(text), nil); err == nil {
			t.Errorf("appendJSON(%.20s) = %x, want an error", text, got)
		}
	}
}
