package storetest

import (
	"context"
	"errors"
	"testing"

	"smart-factory-backend/app/factory"
)

// The only process leads until the context of Lead ends. An error of run that ends
// earlier is returned, and Close ends it as well.
func testLead(t *testing.T, open Opener) {
	f := newFixture(t, open)
	failure := errors.New("run failed")
	if err := f.Lead(context.Background(), func(context.Context) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("Lead whose run fails = %v, want its error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := f.Lead(ctx, func(runCtx context.Context) error {
		cancel()
		<-runCtx.Done()
		return runCtx.Err()
	})
	if err != nil {
		t.Errorf("Lead whose context ends = %v, want nil", err)
	}
	leading, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.Lead(context.Background(), func(runCtx context.Context) error {
			close(leading)
			<-runCtx.Done()
			return nil
		})
	}()
	<-leading
	if err := f.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if err := <-ended; !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Lead of a store that is closed = %v, want ErrUnavailable", err)
	}
	if err := f.Lead(context.Background(), func(context.Context) error { return nil }); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Lead after Close = %v, want ErrUnavailable", err)
	}
}
