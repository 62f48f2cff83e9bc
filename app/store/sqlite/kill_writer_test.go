package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// The process to kill runs these tasks in parallel. Each line that it prints, a
// name and a count, is an acknowledgment.
//
//   - client-N appends N+1 readings of the metric seq at a time, with one of
//     last, always at the same time, and one of late, going back in time.
//   - bulk appends thousands at a time, so that rollups are built.
//   - temp appends readings that expire after a second.
//   - purge fills a machine and purges it.
//   - name counts in the name of a machine.
//   - chain appends an event that follows the previous one, together with a document
//     that has the same count. It repeats the last event first, as a client does that
//     has missed the answer.
//   - events appends killEvents events at a time.
const (
	killClients = 3
	killStart   = int64(1_700_000_000_000)
	bulkWidth   = 1500
)

func killMachine(client int) string { return fmt.Sprintf("client-%d", client) }

// killReadings returns the nth append of the client, n from 1.
func killReadings(client int, n int64) (readings []factory.Reading) {
	machine, width := killMachine(client), int64(client+1)
	for i := (n-1)*width + 1; i <= n*width; i++ {
		readings = append(readings, factory.Reading{Machine: machine, Metric: "seq", ObservedAt: killStart + i, Value: math.Sqrt(float64(i))})
	}
	return append(readings,
		factory.Reading{Machine: machine, Metric: "last", ObservedAt: killStart, Value: float64(n)},
		factory.Reading{Machine: machine, Metric: "late", ObservedAt: killStart - n, Value: float64(n)})
}

// bulkReadings returns the nth append of bulk.
func bulkReadings(n int64) (readings []factory.Reading) {
	for i := (n - 1) * bulkWidth; i < n*bulkWidth; i++ {
		readings = append(readings, factory.Reading{Machine: "bulk", Metric: "v", ObservedAt: killStart + i*1000, Value: bulkValue(i)})
	}
	return readings
}

func bulkValue(i int64) float64 { return float64(i*i%1009) / 8 }

// tempValue returns the value of a reading of temp.
func tempValue(at int64) float64 { return float64(at % 1000) }

// busyOptions makes the sealer do all of its work between any two commits.
func busyOptions(path string) sqlite.Options {
	return sqlite.Options{Path: path, AutoRegister: true, SealPoints: 64, SealAfter: time.Millisecond}.
		WithTuning(sqlite.Tuning{SealEvery: time.Millisecond, MaintainEvery: time.Millisecond})
}

// writeUntilKilled is the child role "write".
func writeUntilKilled(path string) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, busyOptions(path))
	if err != nil {
		return err
	}
	var counts [killClients]int64
	for client := range counts {
		if counts[client], err = lastCount(store, client); err != nil {
			return err
		}
	}
	bulk, err := bulkCount(store)
	if err != nil {
		return err
	}
	name, err := nameCount(store)
	if err != nil {
		return err
	}
	chain, err := chainCount(store)
	if err != nil {
		return err
	}
	events, err := eventBatchCount(store)
	if err != nil {
		return err
	}
	purge := time.Now().UnixMicro() // a new machine each time, in all processes
	fmt.Println("ready 0")
	errs := make(chan error)
	forEver := func(what string, n int64, do func(n int64) error) {
		go func() {
			for {
				n++
				if err := do(n); err != nil {
					errs <- fmt.Errorf("%s %d: %w", what, n, err)
					return
				}
				fmt.Fprintf(os.Stdout, "%s %d\n", what, n)
			}
		}()
	}
	for client, n := range counts {
		forEver(killMachine(client), n, func(n int64) error { return appendAll(store, killReadings(client, n)) })
	}
	forEver("bulk", bulk, func(n int64) error { return appendAll(store, bulkReadings(n)) })
	forEver("temp", 0, func(n int64) error {
		now := time.Now().UnixMilli()
		err := appendAll(store, []factory.Reading{{Machine: "temp", Metric: "v", ObservedAt: now, Value: tempValue(now)}})
		if err != nil || n > 1 {
			return err
		}
		_, _, err = store.PutMetric(ctx, factory.Metric{Machine: "temp", Name: "v", Kind: factory.Gauge, Retention: time.Second}, factory.MatchAlways)
		return err
	})
	forEver("purge", purge, func(n int64) error {
		machine := "purge-" + strconv.FormatInt(n, 10)
		for i := range int64(3) {
			if err := appendAll(store, noisyReadings(machine, i*500, 500)); err != nil {
				return err
			}
		}
		if _, err := store.Write(ctx, factory.JournalBatch{Events: []factory.Event{{Machine: machine, Kind: factory.EventNote, Data: []byte("{}")}}}); err != nil {
			return err
		}
		return store.DeleteMachine(ctx, machine, factory.MatchAlways, true)
	})
	forEver("name", name, func(n int64) error {
		_, _, err := store.PutMachine(ctx, factory.Machine{ID: "named", Name: strconv.FormatInt(n, 10)}, factory.MatchAlways)
		return err
	})
	forEver("chain", chain, func(n int64) error { return appendLink(store, n) })
	forEver("events", events, func(n int64) error {
		_, err := store.Write(ctx, factory.JournalBatch{Events: eventBatch(n)})
		return err
	})
	return <-errs
}

// appendLink appends the nth event of chain, n from 1, and its document.
func appendLink(store *sqlite.Store, n int64) error {
	ctx := context.Background()
	var follows int64
	if n > 1 {
		again, err := store.Write(ctx, factory.JournalBatch{Events: []factory.Event{linkEvent(n-1, 0)}})
		if err != nil {
			return fmt.Errorf("repeat: %w", err)
		}
		if !again.Events[0].Repeated {
			return fmt.Errorf("event %d was lost", n-1)
		}
		follows = again.Events[0].Seq
	}
	_, err := store.Write(ctx, factory.JournalBatch{
		Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: "chain", Match: matchCount(n - 1), Data: linkEvent(n, 0).Data}},
		Events:    []factory.Event{linkEvent(n, follows)},
	})
	return err
}

func linkEvent(n, follows int64) factory.Event {
	return factory.Event{
		Machine: "chain", Kind: factory.EventAlarm, Subject: "rule", ID: strconv.FormatInt(n, 10), ObservedAt: n, Follows: follows,
		Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

// matchCount requires the version n, which is the count of a document that changes
// with each count.
func matchCount(n int64) factory.Match {
	if n == 0 {
		return factory.MatchNone
	}
	return factory.Match(n)
}

// chainCount returns the count in the document of chain.
func chainCount(store *sqlite.Store) (int64, error) {
	d, err := store.Document(context.Background(), factory.DocumentShift, "chain")
	if errors.Is(err, factory.ErrNotFound) {
		return 0, nil
	}
	return d.Version, err
}

// killEvents is the number of events of a batch, more than one statement appends.
const killEvents = 150

// eventBatch returns the nth batch of events, n from 1.
func eventBatch(n int64) (events []factory.Event) {
	for i := (n - 1) * killEvents; i < n*killEvents; i++ {
		events = append(events, factory.Event{
			Machine: "events", Kind: factory.EventCount, ID: strconv.FormatInt(i, 10), ObservedAt: i, Data: []byte(`{"good":1}`),
		})
	}
	return events
}

// eventBatchCount returns how many batches of events are in the store.
func eventBatchCount(store *sqlite.Store) (int64, error) {
	latest, err := store.LatestEvents(context.Background(), factory.LatestEventQuery{Kind: factory.EventCount, Machine: "events"})
	if err != nil || len(latest) == 0 {
		return 0, err
	}
	return latest[0].ObservedAt/killEvents + 1, nil
}

func appendAll(store *sqlite.Store, readings []factory.Reading) error {
	result, err := store.Append(context.Background(), readings)
	if err == nil && result.Accepted != len(readings) {
		err = fmt.Errorf("%d of %d accepted: %w", result.Accepted, len(readings), result.Rejected[0].Err)
	}
	return err
}

// lastCount returns how many appends of the client are in the store.
func lastCount(store *sqlite.Store, client int) (int64, error) {
	page, err := store.Latest(context.Background(), factory.LatestQuery{Machine: killMachine(client), Metric: "last", Limit: 1})
	if err != nil || len(page.Readings) == 0 {
		return 0, err
	}
	return int64(page.Readings[0].Value), nil
}

// bulkCount returns how many appends of bulk are in the store.
func bulkCount(store *sqlite.Store) (int64, error) {
	page, err := store.Latest(context.Background(), factory.LatestQuery{Machine: "bulk", Limit: 1})
	if err != nil || len(page.Readings) == 0 {
		return 0, err
	}
	return (page.Readings[0].ObservedAt-killStart)/1000/bulkWidth + 1, nil
}

// nameCount returns the count in the name.
func nameCount(store *sqlite.Store) (int64, error) {
	named, err := store.Machine(context.Background(), "named")
	if errors.Is(err, factory.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(named.Name, 10, 64)
}

// evictUntilKilled is the child role "evict": it appends more than MaxBytes
// has room for.
func evictUntilKilled(path string) error {
	options := busyOptions(path)
	options.MaxBytes = evictLimit
	store, err := sqlite.Open(context.Background(), options)
	if err != nil {
		return err
	}
	n := int64(0)
	page, err := store.Latest(context.Background(), factory.LatestQuery{Machine: "m", Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Readings) > 0 {
		n = page.Readings[0].ObservedAt/1000/bulkWidth + 1
	}
	fmt.Println("ready 0")
	for {
		n++
		if err := appendAll(store, noisyReadings("m", (n-1)*bulkWidth, bulkWidth)); err != nil {
			return fmt.Errorf("evict %d: %w", n, err)
		}
		fmt.Fprintf(os.Stdout, "evict %d\n", n)
	}
}

const evictLimit = 1 << 20
