package main

import (
	"context"
	"fmt"
	"time"
)

// starts is how often each server is started.
const starts = 15

// start measures the time from exec to the first 200, with a fresh data
// directory each time.
func (b *bench) start(ctx context.Context) (*table, error) {
	t := &table{
		Title:   fmt.Sprintf("start to first 200, %d times", starts),
		Goal:    "under 50 ms, the store included",
		Columns: []column{{"milliseconds", "ms", 1}},
	}
	for i := range starts {
		for _, name := range []string{oursName, bareName} {
			took, err := b.startOnce(ctx, name)
			if err != nil {
				return nil, err
			}
			t.row("", name).add("milliseconds", milliseconds(took))
		}
		if (i+1)%5 == 0 {
			b.note("start %d/%d", i+1, starts)
		}
	}
	return t, nil
}

func (b *bench) startOnce(ctx context.Context, name string) (time.Duration, error) {
	c, err := b.serve(ctx, name)
	if err != nil {
		return 0, err
	}
	took := time.Since(c.began)
	return took, c.stop()
}
