package postgres

import (
	"context"
	"errors"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Append implements factory.Store.
func (s *Store) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	if err := s.queue.Check(ctx, "append", len(readings)); err != nil {
		return factory.AppendResult{}, err
	}
	// Fail at once while the server cannot be reached.
	if err := s.faults.Get(faultConnection); err != nil {
		return factory.AppendResult{}, err
	}
	r := requests.Get().(*request)
	r.Sender = factory.Sender(ctx)
	if maybeStale := s.resolve(r, readings); maybeStale {
		// Another replica may have registered a rejected series meanwhile.
		if err := s.registry.refresh(ctx, s); err != nil {
			r.free()
			return factory.AppendResult{}, withKind("append", err)
		}
		s.resolve(r, readings)
	}
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

// resolve fills r from readings. maybeStale reports that the registry cache
// caused a rejection, which a refresh may lift.
func (s *Store) resolve(r *request, readings []factory.Reading) (maybeStale bool) {
	now := s.options.nowMillis()
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	r.entries, r.Rejected, r.version = r.entries[:0], nil, s.registry.version
	for i := range readings {
		reading := &readings[i]
		if err := store.CheckReading(reading); err != nil {
			r.Reject(i, err)
			continue
		}
		k := key{Machine: reading.Machine, Metric: reading.Metric}
		known := s.registry.activeSeriesLocked(k)
		if known == nil {
			if err := store.CheckRegistrable(k.Machine, k.Metric, s.options.AutoRegister); err != nil {
				r.Reject(i, err)
				maybeStale = maybeStale || errors.Is(err, factory.ErrNotFound)
				continue
			}
			// A deleted machine still has its metrics and their retention.
			if known = s.registry.byKey[k]; known != nil {
				known = &series{key: known.key, retention: known.retention}
			} else {
				known = r.unregisteredSeries(k)
			}
		}
		if err := s.checkExpiry(known, reading.ObservedAt, now); err != nil {
			r.Reject(i, err)
			maybeStale = true
			continue
		}
		r.entries = append(r.entries, entry{
			series: known, index: i,
			point: factory.Point{ObservedAt: reading.ObservedAt, Value: reading.Value},
		})
	}
	return maybeStale
}

// checkExpiry returns an error if a reading observed at at is expired.
func (s *Store) checkExpiry(of *series, at, now int64) error {
	return store.CheckExpiry(at, s.options.expiry(of.retention, now))
}

// unregisteredSeries returns a series without an id that does not refer to the
// caller's memory. Consecutive entries often have the same machine or series.
func (r *request) unregisteredSeries(k key) *series {
	last := &series{}
	if n := len(r.entries); n > 0 {
		last = r.entries[n-1].series
	}
	if last.id == 0 && last.key == k {
		return last
	}
	return &series{key: k.Clone(last.key)}
}
