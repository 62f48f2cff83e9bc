package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

type request struct {
	store.Request
	size int
}

func (r *request) Size() int { return r.size }

func newRequest(size int) *request { return &request{store.NewRequest(), size} }

func finish(q *store.Queue[*request], group []*request, err error) {
	for _, r := range group {
		q.Release(r.size)
		r.Finish(err)
	}
}

// submit queues requests of these sizes, one after the other, from goroutines
// that end once they are committed. It must run in a synctest bubble.
func submit(t *testing.T, q *store.Queue[*request], sizes ...int) {
	for _, size := range sizes {
		go func() {
			if reusable, err := q.Submit(context.Background(), "append", newRequest(size)); !reusable || err != nil {
				t.Errorf("Submit(size %d) = %t, %v, want success", size, reusable, err)
			}
		}()
		synctest.Wait()
	}
}

func TestRunCommitsInGroups(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		maxSize int
		want    string
	}{
		"without a limit":               {math.MaxInt, "[[2 3 9 1 1]]"},
		"up to the limit":               {5, "[[2 3] [9] [1 1]]"},
		"at least one request":          {1, "[[2] [3] [9] [1] [1]]"},
		"all that waits equals the max": {16, "[[2 3 9 1 1]]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := store.NewQueue[*request](100, "readings")
				submit(t, q, 2, 3, 9, 1, 1)
				if got := q.Size(); got != 16 {
					t.Errorf("Size() = %d, want 16", got)
				}
				q.Close()
				var got [][]int
				q.Run(tt.maxSize, func(group []*request) {
					var sizes []int
					for _, r := range group {
						sizes = append(sizes, r.size)
					}
					got = append(got, sizes)
					finish(q, group, nil)
				}, nil)
				if fmt.Sprint(got) != tt.want {
					t.Errorf("Run committed %v, want %s", got, tt.want)
				}
				if got := q.Size(); got != 0 {
					t.Errorf("Size() = %d after all was committed, want 0", got)
				}
			})
		})
	}
}

func TestSeveralRunsShareAQueue(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[*request](1000, "readings")
	var runs, clients sync.WaitGroup
	for range 3 {
		runs.Go(func() { q.Run(4, func(group []*request) { finish(q, group, nil) }, nil) })
	}
	for range 8 {
		clients.Go(func() {
			r := newRequest(1)
			for range 500 {
				if reusable, err := q.Submit(context.Background(), "append", r); !reusable || err != nil {
					t.Errorf("Submit = %t, %v, want success", reusable, err)
				}
			}
		})
	}
	clients.Wait()
	q.Close()
	runs.Wait() // each ends
	if got := q.Size(); got != 0 {
		t.Errorf("Size() = %d, want 0", got)
	}
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue[*request](4, "readings")
		submit(t, q, 3)
		if _, err := q.Submit(context.Background(), "append", newRequest(2)); !errors.Is(err, factory.ErrOverloaded) {
			t.Errorf("Submit beyond the capacity = %v, want ErrOverloaded", err)
		}
		if err := q.CheckFull(); err != nil {
			t.Errorf("CheckFull() = %v, want nil", err)
		}
		submit(t, q, 1)
		if err := q.CheckFull(); !errors.Is(err, factory.ErrOverloaded) {
			t.Errorf("CheckFull() = %v, want ErrOverloaded", err)
		}
		if err := q.Check(context.Background(), "append", 5); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("Check of more than the capacity = %v, want ErrInvalid", err)
		}
		q.Close()
		q.Run(math.MaxInt, func(group []*request) { finish(q, group, nil) }, nil)
	})
}

func TestSubmitReturnsWhenContextEnds(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[*request](4, "readings")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	reusable, err := q.Submit(ctx, "append", newRequest(1))
	if reusable || !errors.Is(err, factory.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Submit = %t, %v, want a request still in use and ErrUnavailable", reusable, err)
	}
	if err := q.Check(ctx, "append", 1); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Check = %v, want ErrUnavailable", err)
	}
}

func TestClosedQueueRefusesRequests(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[*request](4, "readings")
	q.Close()
	q.Close()
	if _, err := q.Submit(context.Background(), "append", newRequest(1)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Submit = %v, want ErrClosed", err)
	}
	if err := q.Check(context.Background(), "query", 0); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Check = %v, want ErrClosed", err)
	}
	q.Run(1, func(group []*request) { t.Errorf("commit(%v), want none", group) }, nil)
}

func TestProbeCommitsAnEmptyGroup(t *testing.T) {
	t.Parallel()
	q := store.NewQueue[*request](4, "readings")
	probe := make(chan time.Time, 1)
	probe <- time.Time{}
	q.Run(1, func(group []*request) {
		if len(group) != 0 {
			t.Errorf("commit(%v), want an empty group", group)
		}
		q.Close()
	}, probe)
}

func TestResultOrdersRejections(t *testing.T) {
	t.Parallel()
	r := newRequest(1)
	r.Reject(7, factory.ErrInvalid)
	r.Reject(2, factory.ErrNotFound)
	got := r.Result(10)
	if got.Accepted != 8 || len(got.Rejected) != 2 || got.Rejected[0].Index != 2 || got.Rejected[1].Index != 7 {
		t.Errorf("Result(10) = %+v, want 8 accepted, 2 and 7 rejected", got)
	}
}
