package sqlite

import (
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Append implements factory.Store.
func (s *Store) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	if err := s.queue.Check(ctx, "append", len(readings)); err != nil {
		return factory.AppendResult{}, err
	}
	if err := s.sealer.checkCapacity(); err != nil {
		return factory.AppendResult{}, err
	}
	r := requests.Get().(*request)
	r.Sender = factory.Sender(ctx)
	s.resolve(r, readings)
	if len(r.entries) > 0 {
		if reusable, err := s.queue.Submit(ctx, "append", r); err != nil {
			if reusable {
				r.free()
			}
			return factory.AppendResult{}, err
		}
	}
	defer r.free()
	return r.Result(len(readings)), nil
}

// resolve fills r from readings. It looks up known series, leaves unknown ones
// to the committer, and rejects readings that cannot be stored.
func (s *Store) resolve(r *request, readings []factory.Reading) {
	now := s.options.now().UnixMilli()
	defaultExpiry := store.Expiry(0, s.options.Retention, now)
	s.catalog.mu.RLock()
	defer s.catalog.mu.RUnlock()
	r.epoch = s.catalog.epoch
	for i := range readings {
		reading := &readings[i]
		if err := store.CheckReading(reading); err != nil {
			r.Reject(i, err)
			continue
		}
		k := key{Machine: reading.Machine, Metric: reading.Metric}
		known := s.catalog.byKey[k]
		expiry := defaultExpiry
		if known != nil {
			expiry = known.expiry(now, s.options.Retention)
		}
		if err := store.CheckExpiry(reading.ObservedAt, expiry); err != nil {
			r.Reject(i, err)
			continue
		}
		if known != nil && known.machineDeleted.Load() {
			known = nil
		}
		if known == nil {
			if err := store.CheckRegistrable(k.Machine, k.Metric, s.options.AutoRegister); err != nil {
				r.Reject(i, err)
				continue
			}
			r.unresolved = append(r.unresolved, unresolvedEntry{key: r.cloneKey(k), index: i, entry: len(r.entries)})
		}
		r.entries = append(r.entries, entry{series: known, point: factory.Point{ObservedAt: reading.ObservedAt, Value: reading.Value}})
	}
}

// cloneKey returns a copy of k that does not refer to the caller's memory.
// Consecutive unresolved entries often have the same machine or series.
func (r *request) cloneKey(k key) key {
	var last key
	if n := len(r.unresolved); n > 0 {
		last = r.unresolved[n-1].key
	}
	return k.Clone(last)
}
