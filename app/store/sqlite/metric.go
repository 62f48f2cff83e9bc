package sqlite

import (
	"database/sql/driver"
	"time"

	"smart-factory-backend/app/factory"
)

// metricMeta is one version of a metric's metadata. It is immutable.
type metricMeta struct {
	unit                     string
	kind                     factory.MetricKind
	expectedMin, expectedMax *float64
	retention                time.Duration
	version                  int64
	createdAt, updatedAt     int64
}

// newMetricMeta returns the metadata of a metric that is registered by its
// first reading.
func newMetricMeta(now int64) *metricMeta {
	return &metricMeta{kind: factory.Gauge, version: 1, createdAt: now, updatedAt: now}
}

// equal compares everything except versions and times.
func (a *metricMeta) equal(b *metricMeta) bool {
	same := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return a.unit == b.unit && a.kind == b.kind && a.retention == b.retention &&
		same(a.expectedMin, b.expectedMin) && same(a.expectedMax, b.expectedMax)
}

// toMetric returns a copy that the caller may modify.
func (a *metricMeta) toMetric(k key) factory.Metric {
	clone := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		return new(*v)
	}
	return factory.Metric{
		Machine: k.machine, Name: k.metric, Unit: a.unit, Kind: a.kind,
		ExpectedMin: clone(a.expectedMin), ExpectedMax: clone(a.expectedMax),
		Retention: a.retention, Version: a.version, CreatedAt: a.createdAt, UpdatedAt: a.updatedAt,
	}
}

// write inserts or updates the row of the series.
func (a *metricMeta) write(c *conn, id int64, k key) error {
	retention := int64(a.retention / time.Millisecond)
	if a.retention == factory.KeepForever {
		retention = -1
	}
	optional := func(v *float64) driver.Value {
		if v == nil {
			return nil
		}
		return *v
	}
	return c.exec(`INSERT OR REPLACE INTO series
		(id, machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, k.machine, k.metric, a.unit, string(a.kind), optional(a.expectedMin), optional(a.expectedMax),
		retention, a.version, a.createdAt, a.updatedAt)
}

// scanMetric returns the metadata in the columns unit, kind, expected_min,
// expected_max, retention, version, created_at, updated_at.
func scanMetric(v []driver.Value) *metricMeta {
	optional := func(v driver.Value) *float64 {
		if f, ok := v.(float64); ok {
			return &f
		}
		return nil
	}
	a := &metricMeta{
		unit: asString(v[0]), kind: factory.MetricKind(asString(v[1])),
		expectedMin: optional(v[2]), expectedMax: optional(v[3]),
		retention: time.Duration(asInt(v[4])) * time.Millisecond,
		version:   asInt(v[5]), createdAt: asInt(v[6]), updatedAt: asInt(v[7]),
	}
	if asInt(v[4]) < 0 {
		a.retention = factory.KeepForever
	}
	return a
}

// updatedMetric returns the metadata of put with the version and times of
// before.
func updatedMetric(put factory.Metric, before *metricMeta) *metricMeta {
	of := put
	return &metricMeta{
		unit: of.Unit, kind: of.Kind, expectedMin: cloneFloat(of.ExpectedMin), expectedMax: cloneFloat(of.ExpectedMax),
		retention: of.Retention, version: before.version, createdAt: before.createdAt, updatedAt: before.updatedAt,
	}
}

func cloneFloat(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return new(*v)
}
