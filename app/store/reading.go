package store

import (
	"fmt"
	"math"
	"time"

	"smart-factory-backend/app/factory"
)

// CheckReading returns an error if no series can store r. Rules about
// plausible clocks are not checked here; they belong to the transports.
func CheckReading(r *factory.Reading) error {
	if r.ObservedAt == math.MaxInt64 {
		// The end of a range is exclusive, so no query could return it.
		return fmt.Errorf("time %d is out of range: %w", r.ObservedAt, factory.ErrInvalid)
	}
	return factory.ValidateValue(r.Value)
}

// CheckRegistrable returns an error if the series may not be registered by an
// Append: its names are invalid, or autoRegister is off.
func CheckRegistrable(machine, metric string, autoRegister bool) error {
	if err := factory.ValidateName(factory.KindMachine, machine); err != nil {
		return err
	}
	if err := factory.ValidateName(factory.KindMetric, metric); err != nil {
		return err
	}
	if !autoRegister {
		return NotRegistered(machine, metric)
	}
	return nil
}

// NotRegistered is the error for a series that does not exist.
func NotRegistered(machine, metric string) error {
	return fmt.Errorf("machine %q, metric %q: %w", machine, metric, factory.ErrNotFound)
}

// Expiry returns the time before which readings are expired at now, both in
// Unix milliseconds. retention is that of the metric; 0 stands for
// defaultRetention. Without a positive retention the result is math.MinInt64:
// nothing expires.
func Expiry(retention, defaultRetention time.Duration, now int64) int64 {
	if retention == 0 {
		retention = defaultRetention
	}
	if retention <= 0 {
		return math.MinInt64
	}
	return now - retention.Milliseconds()
}

// CheckExpiry returns an error if a reading observed at at is expired.
func CheckExpiry(at, expiry int64) error {
	if at < expiry {
		return fmt.Errorf("time %d is before the retention limit %d: %w", at, expiry, factory.ErrInvalid)
	}
	return nil
}
