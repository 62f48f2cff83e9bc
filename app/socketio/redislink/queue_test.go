package redislink

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestQueueKeepsTheOrder(t *testing.T) {
	t.Parallel()
	q, now := newQueue(1<<20, time.Minute), time.Now()
	for i := range 5 {
		q.put(publication{channel: "c", message: fmt.Sprint(i), at: now})
	}
	var got []string
	for batch := q.take(2, 1<<20, now); len(batch) > 0; batch = q.take(2, 1<<20, now) {
		if len(batch) > 2 {
			t.Fatalf("a batch of %d, want 2 at most", len(batch))
		}
		for _, p := range batch {
			got = append(got, p.message)
		}
	}
	if s := strings.Join(got, ""); s != "01234" {
		t.Errorf("taken %s, want 01234", s)
	}
	select {
	case <-q.wake:
	default:
		t.Error("put did not notify")
	}
}

func TestTakeReturnsOneOfAnySize(t *testing.T) {
	t.Parallel()
	q, now := newQueue(1<<20, time.Minute), time.Now()
	for range 2 {
		q.put(publication{message: strings.Repeat("x", 1000), at: now})
	}
	if batch := q.take(10, 500, now); len(batch) != 1 {
		t.Errorf("take(10, 500 bytes) = %d of 1000 bytes, want 1", len(batch))
	}
}

func TestFullQueueDropsTheOldest(t *testing.T) {
	t.Parallel()
	q, now := newQueue(10_000, time.Minute), time.Now()
	for i := range 1000 {
		q.put(publication{channel: "c", message: fmt.Sprintf("%0100d", i), at: now})
	}
	queued, dropped := q.stats()
	if queued > 10_000 || dropped < 900 {
		t.Errorf("%d bytes wait and %d are dropped of 1000 in 10 000 bytes", queued, dropped)
	}
	batch := q.take(1000, 1<<20, now)
	if n := len(batch); uint64(n)+dropped != 1000 || batch[n-1].message != fmt.Sprintf("%0100d", 999) {
		t.Errorf("%d are left, want the newest, up to 999", n)
	}
	q.put(publication{message: strings.Repeat("x", 20_000), at: now})
	if queued, after := q.stats(); queued != 0 || after != dropped+1 {
		t.Errorf("a publication larger than the queue: %d bytes wait, %d dropped, want 0 and %d", queued, after, dropped+1)
	}
}

func TestExpiredPublicationsAreDropped(t *testing.T) {
	t.Parallel()
	q, now := newQueue(1<<20, time.Second), time.Now()
	q.put(publication{message: "old", at: now.Add(-2 * time.Second)})
	q.put(publication{message: "new", at: now})
	if batch := q.take(10, 1<<20, now); len(batch) != 1 || batch[0].message != "new" {
		t.Errorf("take = %v, want the new one only", batch)
	}
	if _, dropped := q.stats(); dropped != 1 {
		t.Errorf("%d dropped, want 1", dropped)
	}
}

func TestClosedQueueDropsEverything(t *testing.T) {
	t.Parallel()
	q := newQueue(1<<20, time.Second)
	q.put(publication{message: "a", at: time.Now()})
	q.close()
	q.put(publication{message: "b", at: time.Now()})
	if queued, dropped := q.stats(); queued != 0 || dropped != 2 || q.take(1, 1, time.Now()) != nil {
		t.Errorf("a closed queue holds %d bytes and dropped %d, want 0 and 2", queued, dropped)
	}
}
