package sqlite

import (
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
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

// writeMetric writes the row of a series and its document.
func writeMetric(c *conn, id int64, m *factory.Metric) error {
	if err := c.exec("INSERT OR REPLACE INTO series (id, machine, metric) VALUES (?, ?, ?)", id, m.Machine, m.Name); err != nil {
		return err
	}
	d := store.MetricDocument(m)
	return writeDocument(c, &d)
}
