package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// unmasked converts a client's frame to a server's.
func unmasked(t *testing.T, frame []byte) []byte {
	t.Helper()
	head := 2
	switch frame[1] &^ 0x80 {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	raw := append([]byte(nil), frame[:head]...)
	raw[1] &^= 0x80
	for i, b := range frame[head+4:] {
		raw = append(raw, b^frame[head+i&3])
	}
	return raw
}

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, maxFrame} {
		payload := bytes.Repeat([]byte("x"), n)
		raw := append(unmasked(t, appendFrame(nil, opText, payload)), "rest"...)
		op, got, size, err := parseFrame(raw)
		if err != nil || op != opText || !bytes.Equal(got, payload) || size != len(raw)-4 {
			t.Errorf("parseFrame() of %d bytes = %d, %d bytes, %d, %v", n, op, len(got), size, err)
		}
		for _, part := range []int{0, 1, 2, 3, size - 1} {
			if _, _, early, err := parseFrame(raw[:part]); part < size && (early != 0 || err != nil) {
				t.Errorf("parseFrame() of %d of %d bytes = %d, %v, want it incomplete", part, size, early, err)
			}
		}
	}
}

func TestParseFrameRefusesInvalidFrames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]error{
		"\x81\x80": errInvalidFrame, "\xc1\x00": errInvalidFrame, "\x01\x00": errFragment, "\x80\x00": errFragment,
		"\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x01": errLongFrame, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff": errLongFrame,
	} {
		if _, _, _, err := parseFrame([]byte(raw)); !errors.Is(err, want) {
			t.Errorf("parseFrame(%q) = %v, want %v", raw, err, want)
		}
	}
}

func TestPayloadsCarryTheirTag(t *testing.T) {
	t.Parallel()
	for _, id := range []uint64{0, 7, 1234567890123456} {
		note := appendPayload([]byte("before"), id)
		got, rest, found := nextTag(append(note, " # "...))
		if len(note) != len("before")+payloadSize || !found || got != id {
			t.Errorf("nextTag(%q) = %d, %v", note, got, found)
		}
		if _, _, more := nextTag(rest); more {
			t.Errorf("nextTag(%q) found a second tag", rest)
		}
	}
	for _, text := range []string{"", "#", "#000000000000001", "#000000000000000x", strings.Repeat("x", 100)} {
		if _, _, found := nextTag([]byte(text)); found {
			t.Errorf("nextTag(%q) found a tag", text)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add([]byte("\x81\x05hello"))
	f.Add([]byte("\x81\x7e\x00\x05hello"))
	f.Add([]byte("\x88\x02\x03\xe8"))
	f.Add([]byte("\x81\x21#0000000000000001#00000000000002"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, payload, size, err := parseFrame(raw)
		if size < 0 || size > len(raw) || len(payload) > size || err != nil && size != 0 {
			t.Fatalf("parseFrame(%q) = %q, %d, %v", raw, payload, size, err)
		}
		for found := true; found; {
			var rest []byte
			if _, rest, found = nextTag(payload); found && len(rest) > len(payload)-tagSize {
				t.Fatalf("nextTag(%q) left %q", payload, rest)
			}
			payload = rest
		}
	})
}
