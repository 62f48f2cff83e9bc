package plant

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/factory"
)

// TextStore is a factory.Store that also stores readings of texts. The time series
// below it keep a code for each (see factory.TextCode), and the journal an event for
// each change of the text. It belongs between an engine and a Feed.
type TextStore struct {
	factory.Store
	// shared reports that other processes write to the same database.
	shared bool
	seed   maphash.Seed
	shards [textShards]textShard
	// dropped counts the changes that came too fast to be kept.
	dropped atomic.Uint64
}

// textShards is the number of locks for the series of texts, at most 64.
const textShards = 64

// textShard holds the state of some of the series. Its lock is held until what was
// decided with the state is durable.
type textShard struct {
	mu     sync.Mutex
	series map[seriesKey]*textSeries
	bytes  int // of the texts
}

// The limits of a shard.
const (
	maxShardSeries = 400
	maxShardBytes  = 128 << 10
)

// seriesKey identifies a series.
type seriesKey struct{ machine, metric string }

// NewTextStore wraps an engine.
func NewTextStore(engine factory.Store) *TextStore {
	t := &TextStore{Store: engine, shared: engine.Stats().Engine == "postgres", seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].series = map[seriesKey]*textSeries{}
	}
	return t
}

// DroppedChanges returns how many changes of texts were not kept because their series
// changed more than ten times in a second.
func (t *TextStore) DroppedChanges() uint64 { return t.dropped.Load() }

// Append implements factory.Store. A text for a metric of another kind is rejected.
func (t *TextStore) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	if !hasText(readings) {
		return t.Store.Append(ctx, readings)
	}
	b := textBatch{TextStore: t, readings: readings, by: factory.Sender(ctx)}
	return b.append(ctx)
}

func hasText(readings []factory.Reading) bool {
	for i := range readings { // without copies: this is the hot path
		if readings[i].Text != nil {
			return true
		}
	}
	return false
}

// textBatch is the readings of one Append, some of them texts.
type textBatch struct {
	*TextStore
	readings []factory.Reading
	by       string
	result   factory.AppendResult
	// known are the kinds of the series of texts: false if the series does not exist.
	known map[seriesKey]bool
	// numbers are the indexes of the first number of each series; nil is not known.
	numbers map[seriesKey]int
	locks   uint64 // of shards, as bits
	// pending are the events to append, touched the series that the readings are of.
	pending []factory.Event
	touched map[seriesKey]*textSeries
	// seriesOf counts the series by machine. newest are the newest events by machine
	// and metric, as far as they were read.
	seriesOf map[string]int
	newest   map[string]map[string]factory.Event
}

func (b *textBatch) append(ctx context.Context) (factory.AppendResult, error) {
	if err := b.storeCodes(ctx); err != nil {
		return factory.AppendResult{}, err
	}
	b.lock()
	defer b.unlock()
	b.touched, b.seriesOf, b.newest = map[seriesKey]*textSeries{}, map[string]int{}, map[string]map[string]factory.Event{}
	err := b.decide(ctx)
	if err == nil && len(b.pending) > 0 {
		err = b.write(ctx)
	}
	if err != nil {
		for key := range b.touched { // what they assume may not be stored
			b.shard(key).drop(key)
		}
		return factory.AppendResult{}, err
	}
	for key, s := range b.touched {
		b.shard(key).put(key, s)
	}
	return b.result, nil
}

// storeCodes appends the readings to the engine, with codes in place of the texts.
func (b *textBatch) storeCodes(ctx context.Context) error {
	b.known, b.numbers = map[seriesKey]bool{}, nil
	stored := make([]factory.Reading, 0, len(b.readings))
	index := make([]int, 0, len(b.readings))
	for i, r := range b.readings {
		if r.Text != nil {
			if err := b.checkText(ctx, i); err != nil {
				if !errors.Is(err, factory.ErrInvalid) {
					return err
				}
				b.result.Rejected = append(b.result.Rejected, factory.Rejection{Index: i, Err: err})
				continue
			}
			r.Value, r.Text = factory.TextCode(*r.Text), nil
		}
		stored, index = append(stored, r), append(index, i)
	}
	if len(stored) == 0 {
		return nil
	}
	result, err := b.Store.Append(ctx, stored)
	if err != nil {
		return err
	}
	b.result.Accepted = result.Accepted
	for _, r := range result.Rejected {
		b.result.Rejected = append(b.result.Rejected, factory.Rejection{Index: index[r.Index], Err: r.Err})
	}
	slices.SortFunc(b.result.Rejected, func(x, y factory.Rejection) int { return cmp.Compare(x.Index, y.Index) })
	return b.declareTexts(ctx)
}

// checkText rejects a text that is invalid or whose metric has numbers.
func (b *textBatch) checkText(ctx context.Context, index int) error {
	r := b.readings[index]
	if err := factory.ValidateText(*r.Text); err != nil {
		return err
	}
	key := seriesKey{r.Machine, r.Metric}
	if _, checked := b.known[key]; checked {
		return nil
	}
	shard := b.shard(key)
	shard.mu.Lock()
	_, cached := shard.series[key]
	shard.mu.Unlock()
	if cached {
		b.known[key] = true
		return nil
	}
	metric, err := b.Metric(ctx, r.Machine, r.Metric)
	switch {
	case errors.Is(err, factory.ErrNotFound) && b.isNumber(key, index):
		return notAText(r.Metric, factory.Gauge)
	case errors.Is(err, factory.ErrNotFound):
		b.known[key] = false
		return nil
	case err != nil:
		return err
	case metric.Kind == factory.Text:
		b.known[key] = true
		return nil
	}
	fresh, err := b.onlyTexts(ctx, metric)
	if err == nil && !fresh {
		err = notAText(r.Metric, metric.Kind)
	}
	if err == nil {
		b.known[key] = false
	}
	return err
}

func notAText(metric string, kind factory.MetricKind) error {
	return fmt.Errorf("metric %q is a %s, not a text: %w", metric, kind, factory.ErrInvalid)
}

// isNumber reports whether a reading before index is a number of the series, so that
// it registers the metric.
func (b *textBatch) isNumber(key seriesKey, index int) bool {
	if b.numbers == nil {
		b.numbers = map[seriesKey]int{}
		for i, r := range slices.Backward(b.readings) {
			if r.Text == nil {
				b.numbers[seriesKey{r.Machine, r.Metric}] = i
			}
		}
	}
	first, found := b.numbers[key]
	return found && first < index
}

// onlyTexts reports whether a metric was registered by its readings, and the newest of
// them is a text: then the process ended before it could declare the metric's kind.
func (b *textBatch) onlyTexts(ctx context.Context, m factory.Metric) (bool, error) {
	if m.Version != 1 || m.Kind != factory.Gauge {
		return false, nil
	}
	page, err := b.Store.Latest(ctx, factory.LatestQuery{Machine: m.Machine, Metric: m.Name, Limit: 1})
	return len(page.Readings) == 1 && factory.IsTextCode(page.Readings[0].Value), err
}

// declareTexts declares the kind of metrics that the engine has just registered.
func (b *textBatch) declareTexts(ctx context.Context) error {
	declared := map[seriesKey]bool{}
	for _, r := range b.accepted() {
		key := seriesKey{r.Machine, r.Metric}
		if r.Text == nil || b.known[key] || declared[key] {
			continue
		}
		declared[key] = true
		metric, err := b.Metric(ctx, r.Machine, r.Metric)
		if err == nil && metric.Kind != factory.Text {
			metric.Kind = factory.Text
			_, _, err = b.PutMetric(ctx, metric, factory.Match(metric.Version))
		}
		// Another process may have declared or deleted it meanwhile.
		if err != nil && !errors.Is(err, factory.ErrPrecondition) && !errors.Is(err, factory.ErrNotFound) {
			return err
		}
	}
	return nil
}

// accepted yields the readings that were not rejected.
func (b *textBatch) accepted() func(yield func(int, factory.Reading) bool) {
	return func(yield func(int, factory.Reading) bool) {
		rejected := b.result.Rejected
		for i, r := range b.readings {
			if len(rejected) > 0 && rejected[0].Index == i {
				rejected = rejected[1:]
				continue
			}
			if !yield(i, r) {
				return
			}
		}
	}
}

func (t *TextStore) shardIndex(key seriesKey) int {
	return int(maphash.Comparable(t.seed, key) % textShards)
}

func (t *TextStore) shard(key seriesKey) *textShard { return &t.shards[t.shardIndex(key)] }

// lock locks the shards of all texts, in order.
func (b *textBatch) lock() {
	for _, r := range b.accepted() {
		if r.Text != nil {
			b.locks |= 1 << b.shardIndex(seriesKey{r.Machine, r.Metric})
		}
	}
	for set := b.locks; set != 0; set &= set - 1 {
		b.shards[bits.TrailingZeros64(set)].mu.Lock()
	}
}

func (b *textBatch) unlock() {
	for set := b.locks; set != 0; set &= set - 1 {
		b.shards[bits.TrailingZeros64(set)].mu.Unlock()
	}
}

// write appends the pending events.
func (b *textBatch) write(ctx context.Context) error {
	result, err := b.Write(ctx, factory.JournalBatch{Events: b.pending})
	if errors.Is(err, factory.ErrConflict) || errors.Is(err, factory.ErrNotFound) {
		// Another process has replaced the event, or retention has deleted it. Keep
		// both then.
		for i := range b.pending {
			b.pending[i].Replaces = ""
		}
		result, err = b.Write(ctx, factory.JournalBatch{Events: b.pending})
	}
	if err != nil {
		return fmt.Errorf("store texts: %w", err)
	}
	for _, e := range result.Events {
		if s := b.touched[seriesKey{e.Machine, e.Subject}]; s != nil && s.eventAt == e.ObservedAt {
			s.eventID = e.ID
		}
	}
	return nil
}

// DeleteMachine implements factory.Store.
func (t *TextStore) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	err := t.Store.DeleteMachine(ctx, id, match, purge)
	for i := range t.shards {
		shard := &t.shards[i]
		shard.mu.Lock()
		for key := range shard.series {
			if key.machine == id {
				shard.drop(key)
			}
		}
		shard.mu.Unlock()
	}
	return err
}

// drop forgets the state of a series.
func (s *textShard) drop(key seriesKey) {
	if old := s.series[key]; old != nil {
		s.bytes -= len(old.text)
		delete(s.series, key)
	}
}

// put keeps the state of a series. If the shard is full, the states of others are
// forgotten; they are read from the store when they are needed again.
func (s *textShard) put(key seriesKey, state *textSeries) {
	s.drop(key)
	for other := range s.series {
		if len(s.series) < maxShardSeries && s.bytes+len(state.text) <= maxShardBytes {
			break
		}
		s.drop(other)
	}
	s.series[seriesKey{strings.Clone(key.machine), strings.Clone(key.metric)}] = state
	s.bytes += len(state.text)
}

// textData is the data of a text event.
type textData struct {
	Value string `json:"value"`
}

func encodeText(text string) []byte {
	data, _ := json.Marshal(textData{text}) // strings can't fail
	return data
}

func decodeText(e factory.Event) string {
	var d textData
	_ = json.Unmarshal(e.Data, &d) // the data of an event is a JSON object
	return d.Value
}
