package store_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

var cursorKinds = []store.CursorKind{{Tag: 'H', Checksum: binary.LittleEndian}, {Tag: 'h', Checksum: binary.BigEndian}}

func TestCursorsOfEarlierReleasesStayValid(t *testing.T) {
	t.Parallel()
	want := store.Position{Key: store.Key{Machine: "press-4", Metric: "temperature"}, At: 1_790_000_000_000}
	for i, cursor := range []string{"SICwg8WYaAdwcmVzcy00dGVtcGVyYXR1cmWZ9Wpj", "aICwg8WYaAdwcmVzcy00dGVtcGVyYXR1cmXE59lM"} {
		if got := cursorKinds[i].Encode(want); got != cursor {
			t.Errorf("Encode(%+v) = %q, want %q", want, got, cursor)
		}
		if got, err := cursorKinds[i].Decode(cursor); err != nil || got != want {
			t.Errorf("Decode(%q) = %+v, %v, want %+v", cursor, got, err, want)
		}
		if got, err := cursorKinds[1-i].Decode(cursor); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("Decode(%q) by the other engine = %+v, %v, want ErrInvalid", cursor, got, err)
		}
	}
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, kind := range cursorKinds {
		for _, at := range []int64{math.MinInt64, -1, 0, 1, 1_790_000_000_000, math.MaxInt64} {
			for _, name := range []string{"", "m", "a/b c", "é"} {
				want := store.Position{Key: store.Key{Machine: name, Metric: name + "x"}, At: at}
				if got, err := kind.Decode(kind.Encode(want)); err != nil || got != want {
					t.Errorf("Decode(Encode(%+v)) = %+v, %v", want, got, err)
				}
			}
		}
	}
}

func TestCursorBelongsToOneMachine(t *testing.T) {
	t.Parallel()
	kind := cursorKinds[0]
	want := store.Position{Key: store.Key{Machine: "a", Metric: "v"}, At: 7}
	cursor := kind.Encode(want)
	if got, err := kind.DecodeFor("a", cursor); err != nil || got == nil || *got != want {
		t.Errorf("DecodeFor(a) = %+v, %v, want %+v", got, err, want)
	}
	if got, err := kind.DecodeFor("b", cursor); got != nil || !errors.Is(err, factory.ErrInvalid) {
		t.Errorf("DecodeFor(b) = %+v, %v, want ErrInvalid", got, err)
	}
	if got, err := kind.DecodeFor("a", ""); got != nil || err != nil {
		t.Errorf("DecodeFor(a) of an empty cursor = %+v, %v, want the first page", got, err)
	}
}

func FuzzDecodeCursor(f *testing.F) {
	for _, kind := range cursorKinds {
		for _, p := range []store.Position{
			{},
			{Key: store.Key{Machine: "m", Metric: "temperature"}, At: 1_790_000_000_000},
			{Key: store.Key{Machine: "é/ü", Metric: "\xff"}, At: math.MaxInt64},
			{Key: store.Key{Machine: strings.Repeat("x", factory.MaxNameBytes), Metric: strings.Repeat("y", factory.MaxNameBytes)}, At: math.MinInt64},
		} {
			f.Add(kind.Encode(p))
		}
	}
	f.Add("next")
	f.Add(strings.Repeat("A", 2000))
	f.Fuzz(func(t *testing.T, cursor string) {
		for _, kind := range cursorKinds {
			p, err := kind.Decode(cursor)
			if err != nil {
				if !errors.Is(err, factory.ErrInvalid) {
					t.Fatalf("Decode(%q) = %v, want ErrInvalid", cursor, err)
				}
				continue
			}
			// A varint may be longer than necessary, so the cursor itself may differ.
			if again, err := kind.Decode(kind.Encode(p)); err != nil || again != p {
				t.Fatalf("Decode(Encode(%+v)) = %+v, %v", p, again, err)
			}
		}
	})
}
