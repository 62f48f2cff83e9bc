package postgres_test

import (
	"errors"
	"math"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

func FuzzDecodeCursor(f *testing.F) {
	for _, seed := range []string{
		"", "h", "next", postgres.HistoryCursor("m", "temperature", 1_790_000_000_000),
		postgres.HistoryCursor("", "", math.MinInt64), postgres.HistoryCursor("é/ü", "\xff", math.MaxInt64),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		machine, metric, at, err := postgres.DecodeHistoryCursor(cursor)
		if err != nil {
			if !errors.Is(err, factory.ErrInvalid) {
				t.Fatalf("DecodeHistoryCursor(%q) = %v, want ErrInvalid", cursor, err)
			}
			return
		}
		if again := postgres.HistoryCursor(machine, metric, at); again != cursor {
			// A number may be encoded in more bytes than it needs, but the decoded
			// values must be the same.
			m, n, a, err := postgres.DecodeHistoryCursor(again)
			if err != nil || m != machine || n != metric || a != at {
				t.Fatalf("DecodeHistoryCursor(%q) = %q, %q, %d, which is encoded as %q", cursor, machine, metric, at, again)
			}
		}
	})
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, at := range []int64{math.MinInt64, -1, 0, 1, 1_790_000_000_000, math.MaxInt64} {
		for _, name := range []string{"", "m", "a/b c", "é"} {
			machine, metric, got, err := postgres.DecodeHistoryCursor(postgres.HistoryCursor(name, name+"x", at))
			if err != nil || machine != name || metric != name+"x" || got != at {
				t.Errorf("cursor of %q at %d gives %q, %q, %d, %v", name, at, machine, metric, got, err)
			}
		}
	}
}
