package redisadapter

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestToJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ msgpack, want string }{
		"nil":                              {"c0", "null"},
		"booleans":                         {"92 c2 c3", "[false,true]"},
		"fixnums":                          {"94 00 7f ff e0", "[0,127,-1,-32]"},
		"unsigned of each size":            {"94 ccff cdffff ceffffffff cfffffffffffffffff", "[255,65535,4294967295,18446744073709551615]"},
		"signed of each size":              {"94 d080 d18000 d280000000 d38000000000000000", "[-128,-32768,-2147483648,-9223372036854775808]"},
		"float32":                          {"ca3fc00000", "1.5"},
		"float64":                          {"cb3ff199999999999a", "1.1"},
		"a float as JavaScript writes it":  {"92 cb3e112e0be826d695 cb44b52d02c7e14af6", "[1e-9,1e+23]"},
		"not a number, infinity":           {"92 cb7ff8000000000000 cb7ff0000000000000", "[null,null]"},
		"negative zero":                    {"cb8000000000000000", "0"},
		"strings of each form":             {"94 a161 d90162 da000163 db0000000164", `["a","b","c","d"]`},
		"a string that needs escapes":      {"a7 22 5c 0a 09 00 7f 61", "\"\\\"\\\\\\n\\u0009\\u0000\x7fa\""},
		"unicode as it is":                 {"a7 c3a9 f09f9880 3c", `"é😀<"`},
		"invalid UTF-8 is replaced":        {"a3 61 ff 62", "\"a\uFFFDb\""},
		"array of 16 bits":                 {"dc0002 01 02", "[1,2]"},
		"array of 32 bits":                 {"dd00000001 01", "[1]"},
		"maps of each form":                {"93 81a16101 de0001a16102 df00000001a16103", `[{"a":1},{"a":2},{"a":3}]`},
		"keys as JavaScript names them":    {"85 01 01 ff 02 c0 03 c3 04 cfffffffffffffffff 05", `{"1":1,"-1":2,"null":3,"true":4,"18446744073709551615":5}`},
		"the order of keys is kept":        {"83 a17a01 a16102 a16d03", `{"z":1,"a":2,"m":3}`},
		"timestamp of 64 bits":             {"d7ff 0000000000000000", `"1970-01-01T00:00:00.000Z"`},
		"timestamp of 64 bits with ms":     {"d7ff 1d6f3454 68a1e0b5", `"2025-08-17T14:01:25.123Z"`},
		"timestamp of 32 bits":             {"d6ff 68a1e0b5", `"2025-08-17T14:01:25.000Z"`},
		"timestamp of 96 bits before 1970": {"c70cff 00000000 ffffffffffffffff", `"1969-12-31T23:59:59.000Z"`},
		"timestamp beyond year 9999":       {"c70cff 00000000 0000003afff44180", `"+010000-01-01T00:00:00.000Z"`},
		"timestamp before the year 0":      {"c70cff 00000000 fffffff000000000", `"-000208-05-13T16:27:44.000Z"`},
		"timestamp that is none":           {"c70cff 00000000 7fffffffffffffff", `null`},
		"undefined of notepack 2":          {"92 d40000 01", `[null,1]`},
		"date of notepack 2":               {"d700 00000198b8a03df8", `"2025-08-17T15:22:46.136Z"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, attachments, err := toJSON(unhex(t, tt.msgpack))
			if err != nil || string(got) != tt.want || attachments != nil {
				t.Errorf("toJSON(%s) = %s, %v, %v, want %s", tt.msgpack, got, attachments, err, tt.want)
			}
			if !json.Valid(got) {
				t.Errorf("toJSON(%s) = %s is not JSON", tt.msgpack, got)
			}
		})
	}
}

func TestToJSONBinary(t *testing.T) {
	t.Parallel()
	in := unhex(t, "94 c401aa c50001bb 81a162c600000001cc c70200dddd")
	got, attachments, err := toJSON(in)
	const want = `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"b":{"_placeholder":true,"num":2}},{"_placeholder":true,"num":3}]`
	if err != nil || string(got) != want {
		t.Fatalf("toJSON = %s, %v, want %s", got, err, want)
	}
	if want := [][]byte{{0xaa}, {0xbb}, {0xcc}, {0xdd, 0xdd}}; !reflect.DeepEqual(attachments, want) {
		t.Errorf("toJSON gave attachments %x, want %x", attachments, want)
	}
	clear(in)
	if attachments[0][0] != 0xaa {
		t.Error("an attachment is the message's own memory")
	}
	if got, attachments, err := toJSON(unhex(t, "d8 05 000102030405060708090a0b0c0d0e0f")); err != nil ||
		string(got) != `[5,{"_placeholder":true,"num":0}]` || len(attachments) != 1 {
		t.Errorf("toJSON(unknown extension) = %s, %x, %v", got, attachments, err)
	}
}

// malformedMessages are not valid MessagePack.
func malformedMessages() map[string][]byte {
	return map[string][]byte{
		"empty":                       {},
		"the byte that is never used": {0xc1},
		"a truncated array":           {0x93, 0xa1, 'u'},
		"a truncated string":          {0xda, 0x01, 0x00, 'a'},
		"a truncated length":          {0xdb, 0x00},
		"a truncated number":          {0xcf, 0x00},
		"a truncated extension":       {0xc7, 0x05, 0xff, 0x00},
		"4 Gi elements":               {0xdd, 0xff, 0xff, 0xff, 0xff, 0x01},
		"4 Gi pairs":                  {0xdf, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01},
		"4 Gi bytes":                  {0xc6, 0xff, 0xff, 0xff, 0xff, 0x01},
		"4 Gi bytes of extension":     {0xc9, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01},
		"a map with one pair missing": {0x82, 0xa1, 'a', 0x01},
		"arrays 10 000 deep":          append(bytes.Repeat([]byte{0x91}, 10_000), 0x01),
		"maps 10 000 deep":            append(bytes.Repeat([]byte{0x81, 0xa1, 'a'}, 10_000), 0x01),
		"something after the end":     {0x01, 0x01},
	}
}

func TestToJSONRejectsMalformedMessages(t *testing.T) {
	t.Parallel()
	tests := malformedMessages()
	tests["a container as key"] = []byte{0x81, 0x90, 0x01}
	tests["too many binaries"] = append([]byte{0xdc, 0x04, 0x01}, bytes.Repeat([]byte{0xc4, 0x00}, 1025)...)
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _, err := toJSON(in); !errors.Is(err, errMalformed) {
				t.Errorf("toJSON = %s, %v, want a malformed message", got, err)
			}
		})
	}
}

func TestAppendDate(t *testing.T) {
	t.Parallel()
	for ms, want := range map[float64]string{
		0: `"1970-01-01T00:00:00.000Z"`, -1: `"1969-12-31T23:59:59.999Z"`, 8.64e15: `"+275760-09-13T00:00:00.000Z"`,
		-8.64e15: `"-271821-04-20T00:00:00.000Z"`, 8.64e15 + 1: "null", math.Inf(1): "null", math.NaN(): "null",
		1.9: `"1970-01-01T00:00:00.001Z"`,
	} {
		if got := string(appendDate(nil, ms)); got != want {
			t.Errorf("appendDate(%v) = %s, want %s", ms, got, want)
		}
	}
}
