package store

import (
	"context"
	"sync"
)

// LeadAlone implements factory.Store.Lead for a store that one process uses. closed
// is closed when the store is.
func LeadAlone(ctx context.Context, closed <-chan struct{}, run func(context.Context) error) error {
	select {
	case <-closed:
		return ErrClosed
	default:
	}
	if ctx.Err() != nil {
		return nil
	}
	runCtx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		select {
		case <-closed:
			cancel()
		case <-runCtx.Done():
		}
	})
	err := run(runCtx)
	switch {
	case ctx.Err() != nil:
		return nil
	case runCtx.Err() != nil:
		return ErrClosed
	}
	return err
}
