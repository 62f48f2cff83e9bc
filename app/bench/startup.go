package main

import (
	"context"
	"fmt"
	"time"
)

// startupRounds is how often each server is started.
const startupRounds = 15

// startup measures the time from exec to the first 200, each time with an empty
// data directory.
func (b *runner) startup(ctx context.Context) (*table, error) {
	t := &table{
		Title:   fmt.Sprintf("start to first 200, %d times", startupRounds),
		Goal:    "under 50 ms, the store included",
		Columns: []column{{"milliseconds", "ms", 1}},
	}
	for i := range startupRounds {
		for _, name := range []string{productName, fasthttpName} {
			took, err := b.startupOnce(ctx, name)
			if err != nil {
				return nil, err
			}
			t.row("", name).add("milliseconds", milliseconds(took))
		}
		if (i+1)%5 == 0 {
			b.logf("start %d/%d", i+1, startupRounds)
		}
	}
	return t, nil
}

func (b *runner) startupOnce(ctx context.Context, name string) (time.Duration, error) {
	c, err := b.serveHTTP(ctx, name)
	if err != nil {
		return 0, err
	}
	took := time.Since(c.started)
	return took, c.stop()
}
