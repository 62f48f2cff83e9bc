package engineio_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

// FuzzPayload checks that decoding a payload fails or is reversed by encoding.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{
		"4hello", "4a\x1e2\x1e4b", "4hello\x1ebAQIDBA==", "", "\x1e", "4", "b", "b=", "b====", "bAQ", "bA", "bAQ=\r\n=",
		"0{}\x1e1\x1e3probe\x1e5\x1e6", "7", "4\xff", "4žluťoučký", "b\x1eb\x1eb", "4" + strings.Repeat("\x1e4", 100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kinds, data, err := engineio.DecodePayload(bytes.Clone(body))
		if err != nil {
			return
		}
		if len(kinds) != len(data) || len(kinds) != bytes.Count(body, []byte("\x1e"))+1 {
			t.Fatalf("%q: %d types, %d of data", body, len(kinds), len(data))
		}
		var ms []*engineio.Message
		var want []string
		for i, kind := range kinds {
			if kind != '4' {
				continue
			}
			m := engineio.NewText([]byte(data[i]))
			if plain, binary := strings.CutPrefix(data[i], "b"); binary && bytes.HasPrefix(bytes.Split(body, []byte("\x1e"))[i], []byte("b")) {
				m = engineio.NewBinary([]byte(plain))
			}
			ms, want = append(ms, m), append(want, data[i])
		}
		if len(ms) == 0 {
			return
		}
		again := engineio.EncodePayload(ms...)
		_, got, err := engineio.DecodePayload(bytes.Clone(again))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q became %q, which is %q, %v; want %q", body, again, got, err, want)
		}
	})
}

func TestLenIsEncodedSize(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		part := bytes.Repeat([]byte("x"), n)
		for _, m := range []*engineio.Message{engineio.NewText(part), engineio.NewBinary(part), engineio.NewText(part, part, part, part, part)} {
			if got, want := m.Len(), len(engineio.EncodePayload(m)); got != want {
				t.Errorf("Len() of %q = %d, want %d", part, got, want)
			}
		}
	}
	if m := engineio.NewBinary([]byte{1}); !m.Binary() || engineio.NewText().Binary() {
		t.Error("Binary() is wrong")
	}
}

func BenchmarkDecodePayload(b *testing.B) {
	text := "4" + strings.Repeat("x", 100)
	binary := "b" + base64.StdEncoding.EncodeToString(make([]byte, 100))
	body := []byte(strings.Join([]string{text, binary, text, binary, text, binary, text, binary}, "\x1e"))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if n, err := engineio.CountPackets(body); n != 8 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkEncodePayload(b *testing.B) {
	data := make([]byte, 100)
	ms := []*engineio.Message{engineio.NewText(data), engineio.NewBinary(data), engineio.NewText(data), engineio.NewBinary(data)}
	buf := engineio.EncodePayload(ms...)
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		buf = engineio.AppendPayload(buf[:0], ms)
	}
}

func BenchmarkNewMessage(b *testing.B) {
	data := make([]byte, 100)
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			engineio.NewText(data)
		}
	})
	b.Run("binary as text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			engineio.EncodePayload(engineio.NewBinary(data))
		}
	})
}
