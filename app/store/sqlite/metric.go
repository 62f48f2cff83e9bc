package sqlite

import (
	"database/sql/driver"
	"time"

	"smart-factory-backend/app/factory"
)

// cloneMetric returns a copy whose pointers are its own.
func cloneMetric(m factory.Metric) factory.Metric {
	for _, limit := range []**float64{&m.ExpectedMin, &m.ExpectedMax} {
		if *limit != nil {
			*limit = new(**limit)
		}
	}
	return m
}

// writeMetric inserts or updates the row of a series.
func writeMetric(c *conn, id int64, m *factory.Metric) error {
	retention := int64(m.Retention / time.Millisecond)
	if m.Retention == factory.KeepForever {
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
		id, m.Machine, m.Name, m.Unit, string(m.Kind), optional(m.ExpectedMin), optional(m.ExpectedMax),
		retention, m.Version, m.CreatedAt, m.UpdatedAt)
}

// scanMetric returns the metric in the columns machine, metric, unit, kind,
// expected_min, expected_max, retention, version, created_at, updated_at.
func scanMetric(v []driver.Value) *factory.Metric {
	optional := func(v driver.Value) *float64 {
		if f, ok := v.(float64); ok {
			return &f
		}
		return nil
	}
	m := &factory.Metric{
		Machine: asString(v[0]), Name: asString(v[1]), Unit: asString(v[2]), Kind: factory.MetricKind(asString(v[3])),
		ExpectedMin: optional(v[4]), ExpectedMax: optional(v[5]),
		Retention: time.Duration(asInt(v[6])) * time.Millisecond,
		Version:   asInt(v[7]), CreatedAt: asInt(v[8]), UpdatedAt: asInt(v[9]),
	}
	if asInt(v[6]) < 0 {
		m.Retention = factory.KeepForever
	}
	return m
}
