package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// documentRegistry is the step of a migration that makes documents of the machines and
// metrics of schema 2.
const documentRegistry = "makeRegistryDocuments"

// makeRegistryDocuments is documentRegistry. It decodes numbers and texts here, because
// the JSON functions of SQLite shorten numbers.
func makeRegistryDocuments(c *conn) error {
	var documents []factory.Document
	add := func(d factory.Document, err error) error {
		documents = append(documents, d)
		return err
	}
	for _, table := range []struct {
		query string
		scan  func([]driver.Value) (factory.Document, error)
	}{
		{"SELECT id, name, site, area, line, attributes, version, created_at, updated_at, deleted FROM machine", scanMachineV2},
		{"SELECT machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at FROM series", scanMetricV2},
	} {
		if err := c.query(table.query, func(v []driver.Value) error { return add(table.scan(v)) }); err != nil {
			return err
		}
	}
	for i := range documents {
		if err := writeDocument(c, &documents[i]); err != nil {
			return err
		}
	}
	return nil
}

func scanMachineV2(v []driver.Value) (factory.Document, error) {
	m := &store.Machine{Machine: factory.Machine{
		ID: asString(v[0]), Name: asString(v[1]),
		Placement: factory.Placement{Site: asString(v[2]), Area: asString(v[3]), Line: asString(v[4])},
		Version:   asInt(v[6]), CreatedAt: asInt(v[7]), UpdatedAt: asInt(v[8]),
	}, Deleted: asInt(v[9]) != 0}
	if text := asString(v[5]); text != "" {
		if err := json.Unmarshal([]byte(text), &m.Attributes); err != nil {
			return factory.Document{}, fmt.Errorf("attributes of machine %q: %w: %w", m.ID, ErrCorrupt, err)
		}
	}
	return store.MachineDocument(m), nil
}

func scanMetricV2(v []driver.Value) (factory.Document, error) {
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
	return store.MetricDocument(m), nil
}
