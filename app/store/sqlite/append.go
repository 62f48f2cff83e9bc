package sqlite

import (
	"context"
	"fmt"
	"math"
	"strings"

	"smart-factory-backend/app/factory"
)

// Append implements factory.Store.
func (s *Store) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	if s.closed() {
		return factory.AppendResult{}, errClosed
	}
	if err := ctx.Err(); err != nil {
		return factory.AppendResult{}, unavailable("append", err)
	}
	if len(readings) > s.options.QueueReadings {
		return factory.AppendResult{}, fmt.Errorf("%d readings in one call, at most %d fit: %w",
			len(readings), s.options.QueueReadings, factory.ErrInvalid)
	}
	if err := s.sealer.checkCapacity(); err != nil {
		return factory.AppendResult{}, err
	}
	r := requests.Get().(*request)
	s.resolve(r, readings)
	if len(r.entries) == 0 {
		defer r.free()
		return factory.AppendResult{Rejected: r.rejected}, nil
	}
	if err := s.queue.put(r); err != nil {
		r.free()
		return factory.AppendResult{}, err
	}
	return s.await(ctx, r, len(readings))
}

// await returns the outcome of r, which is in the queue and has n readings.
func (s *Store) await(ctx context.Context, r *request, n int) (factory.AppendResult, error) {
	select {
	case err := <-r.done:
		defer r.free()
		if err != nil {
			return factory.AppendResult{}, err
		}
		return factory.AppendResult{Accepted: n - len(r.rejected), Rejected: r.rejected}, nil
	case <-ctx.Done():
		// The committer still holds r, so it is not recycled.
		return factory.AppendResult{}, unavailable("append", ctx.Err())
	}
}

// resolve fills r from readings: the known series by lookup, the unknown ones
// as newcomers for the committer, and the refused readings.
func (s *Store) resolve(r *request, readings []factory.Reading) {
	now := s.options.now().UnixMilli()
	s.catalog.mu.RLock()
	defer s.catalog.mu.RUnlock()
	r.epoch = s.catalog.epoch
	for i := range readings {
		reading := &readings[i]
		if err := checkReading(reading); err != nil {
			r.reject(i, err)
			continue
		}
		point := factory.Point{ObservedAt: reading.ObservedAt, Value: reading.Value}
		k := key{reading.Machine, reading.Metric}
		known := s.catalog.byKey[k]
		if err := s.checkExpiry(known, point.ObservedAt, now); err != nil {
			r.reject(i, err)
			continue
		}
		if known != nil && known.machineDeleted.Load() {
			known = nil
		}
		if known == nil {
			if err := s.checkRegistrable(k); err != nil {
				r.reject(i, err)
				continue
			}
			r.unresolved = append(r.unresolved, unresolvedEntry{key: r.cloneKey(k), index: i, entry: len(r.entries)})
		}
		r.entries = append(r.entries, entry{series: known, point: point})
	}
}

// checkReading says why a reading can't be stored whatever its series, if so.
// Other rules, such as how far a clock may run ahead, are the transport's.
func checkReading(r *factory.Reading) error {
	if r.ObservedAt == math.MaxInt64 {
		// Every range ends before it, so nobody could read it.
		return fmt.Errorf("time %d is out of range: %w", r.ObservedAt, factory.ErrInvalid)
	}
	return factory.ValidateValue(r.Value)
}

// checkExpiry says why a reading comes too late, if it does. known is nil for a
// series that is not known yet.
func (s *Store) checkExpiry(known *series, at, now int64) error {
	var expiry int64 = math.MinInt64
	if known != nil {
		expiry = known.expiry(now, s.options.Retention)
	} else if s.options.Retention > 0 {
		expiry = now - s.options.Retention.Milliseconds()
	}
	if at < expiry {
		return fmt.Errorf("time %d is older than what is kept, from %d: %w", at, expiry, factory.ErrInvalid)
	}
	return nil
}

// checkRegistrable says why a series with the key k may not be registered, as
// far as that is known before the commit.
func (s *Store) checkRegistrable(k key) error {
	if err := factory.ValidateName(factory.KindMachine, k.machine); err != nil {
		return err
	}
	if err := factory.ValidateName(factory.KindMetric, k.metric); err != nil {
		return err
	}
	if !s.options.AutoRegister {
		return fmt.Errorf("machine %q, metric %q: %w", k.machine, k.metric, factory.ErrNotFound)
	}
	return nil
}

// cloneKey returns k with strings of our own. The newcomers of one request often
// follow each other in one series or one machine, whose copies are shared.
func (r *request) cloneKey(k key) key {
	if n := len(r.unresolved); n > 0 {
		last := r.unresolved[n-1].key
		if last == k {
			return last
		}
		if last.machine == k.machine {
			return key{last.machine, strings.Clone(k.metric)}
		}
	}
	return key{strings.Clone(k.machine), strings.Clone(k.metric)}
}

// reject refuses the reading with the given index.
func (r *request) reject(index int, err error) {
	r.rejected = append(r.rejected, factory.Rejection{Index: index, Err: err})
}
