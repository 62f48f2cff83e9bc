package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"

	"smart-factory-backend/app/factory"
)

// Append implements factory.Store.
func (s *Store) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	if err := s.mayAppend(ctx, len(readings)); err != nil {
		return factory.AppendResult{}, err
	}
	r := requests.Get().(*request)
	if doubtful := s.resolve(r, readings); doubtful {
		// Another replica may just have registered what is refused here.
		if err := s.registry.refresh(ctx, s, false); err != nil {
			r.recycle()
			return factory.AppendResult{}, s.withKind("append", err)
		}
		s.resolve(r, readings)
	}
	if len(r.entries) == 0 {
		defer r.recycle()
		return r.result(len(readings)), nil
	}
	if err := s.queue.put(r); err != nil {
		r.recycle()
		return factory.AppendResult{}, err
	}
	select {
	case err := <-r.done:
		defer r.recycle()
		if err != nil {
			return factory.AppendResult{}, err
		}
		return r.result(len(readings)), nil
	case <-ctx.Done():
		// A committer still holds r, so it is not recycled.
		return factory.AppendResult{}, unavailable("append", ctx.Err())
	}
}

// mayAppend says why an Append of n readings is refused as a whole, if so.
func (s *Store) mayAppend(ctx context.Context, n int) error {
	if _, closed := s.queue.queued(); closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return unavailable("append", err)
	}
	if n > s.options.QueueReadings {
		return fmt.Errorf("%d readings in one call, at most %d fit: %w", n, s.options.QueueReadings, factory.ErrInvalid)
	}
	// While the server is away nobody has to wait to learn it.
	return s.faults.get(faultConnection)
}

// resolve fills r from readings. doubtful says that some are refused because
// of what the catalog has, which may be out of date.
func (s *Store) resolve(r *request, readings []factory.Reading) (doubtful bool) {
	now := s.options.nowMillis()
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	r.entries, r.rejected, r.version = r.entries[:0], nil, s.registry.version
	for i := range readings {
		reading := &readings[i]
		if err := storable(reading); err != nil {
			r.reject(i, err)
			continue
		}
		k := key{reading.Machine, reading.Metric}
		known := s.registry.activeSeriesLocked(k)
		if known == nil {
			if err := validKey(k); err != nil {
				r.reject(i, err)
				continue
			}
			if !s.options.AutoRegister {
				r.reject(i, notRegistered(k))
				doubtful = true
				continue
			}
			// A machine that comes back has its metrics still.
			if known = s.registry.byKey[k]; known != nil {
				known = &series{key: known.key, retention: known.retention}
			} else {
				known = r.newcomer(k)
			}
		}
		if err := s.fresh(known, reading.ObservedAt, now); err != nil {
			r.reject(i, err)
			doubtful = true
			continue
		}
		r.entries = append(r.entries, entry{
			series: known, index: i,
			point: factory.Point{ObservedAt: reading.ObservedAt, Value: reading.Value},
		})
	}
	return doubtful
}

// storable says why a reading can't be stored whatever its series, if so.
// Other rules, such as how far a clock may run ahead, are the transport's.
func storable(r *factory.Reading) error {
	if r.ObservedAt == math.MaxInt64 {
		// Every range ends before it, so nobody could read it.
		return fmt.Errorf("time %d is out of range: %w", r.ObservedAt, factory.ErrInvalid)
	}
	return factory.ValidateValue(r.Value)
}

func validKey(k key) error {
	if err := factory.ValidateName(factory.KindMachine, k.machine); err != nil {
		return err
	}
	return factory.ValidateName(factory.KindMetric, k.metric)
}

func notRegistered(k key) error {
	return fmt.Errorf("machine %q, metric %q: %w", k.machine, k.metric, factory.ErrNotFound)
}

// fresh says why a reading of the time at has expired, if so.
func (s *Store) fresh(of *series, at, now int64) error {
	if oldest := s.options.expiry(of.retention, now); at < oldest {
		return fmt.Errorf("time %d is older than readings are kept, %d: %w", at, oldest, factory.ErrInvalid)
	}
	return nil
}

// newcomer is a series that is not registered, with strings of its own. Those
// of one request often follow each other in one series or one machine, whose
// copies are shared.
func (r *request) newcomer(k key) *series {
	if n := len(r.entries); n > 0 {
		last := r.entries[n-1].series
		if last.id == 0 && last.key == k {
			return last
		}
		if last.machine == k.machine {
			return &series{key: key{last.machine, strings.Clone(k.metric)}}
		}
	}
	return &series{key: key{strings.Clone(k.machine), strings.Clone(k.metric)}}
}
