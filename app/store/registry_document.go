package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"smart-factory-backend/app/factory"
)

// machineContent is the content of a machine's document.
type machineContent struct {
	Name       string            `json:"name"`
	Site       string            `json:"site"`
	Area       string            `json:"area"`
	Line       string            `json:"line"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Signals    json.RawMessage   `json:"signals,omitempty"`
	IdealCycle float64           `json:"ideal_cycle_s,omitempty"`
}

// MachineDocument returns the document of a machine. Its signals are as they were
// written.
func MachineDocument(m *Machine) factory.Document {
	data := encode(machineContent{Name: m.Name, Site: m.Site, Area: m.Area, Line: m.Line, Attributes: m.Attributes})
	data = data[:len(data)-1]
	if len(m.Signals) > 0 {
		data = append(append(data, `,"signals":`...), m.Signals...)
	}
	if m.IdealCycle != 0 {
		data = append(append(data, `,"ideal_cycle_s":`...), encode(m.IdealCycle)...)
	}
	return factory.Document{
		Kind: factory.DocumentMachine, ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		Deleted: m.Deleted, Data: append(data, '}'),
	}
}

// ParseMachine returns the machine of a document.
func ParseMachine(d factory.Document) (*Machine, error) {
	var c machineContent
	if err := json.Unmarshal(d.Data, &c); err != nil {
		return nil, fmt.Errorf("machine %q: %w", d.ID, err)
	}
	m := &Machine{Machine: factory.Machine{
		ID: d.ID, Name: c.Name, Placement: factory.Placement{Site: c.Site, Area: c.Area, Line: c.Line},
		IdealCycle: c.IdealCycle, Signals: c.Signals, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}, Deleted: d.Deleted}
	if len(c.Attributes) > 0 {
		m.Attributes = c.Attributes
	}
	return m, nil
}

// metricContent is the content of a metric's document. A retention of 0 is the
// default, -1 is forever.
type metricContent struct {
	Machine     string             `json:"machine"`
	Metric      string             `json:"metric"`
	Unit        string             `json:"unit"`
	Kind        factory.MetricKind `json:"kind"`
	ExpectedMin *float64           `json:"expected_min,omitempty"`
	ExpectedMax *float64           `json:"expected_max,omitempty"`
	Retention   float64            `json:"retention_s,omitempty"`
}

// MetricDocument returns the document of a metric.
func MetricDocument(m *factory.Metric) factory.Document {
	c := metricContent{m.Machine, m.Name, m.Unit, m.Kind, m.ExpectedMin, m.ExpectedMax, m.Retention.Seconds()}
	if m.Retention == factory.KeepForever {
		c.Retention = -1
	}
	return factory.Document{
		Kind: factory.DocumentMetric, ID: factory.MetricDocumentID(m.Machine, m.Name),
		Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, Data: encode(c),
	}
}

// undescribedMetric ends the content of a metric that nobody has described.
var undescribedMetric = []byte(`,"unit":"","kind":"gauge"}`)

// ParseMetric returns the metric k of its document.
func ParseMetric(d factory.Document, k Key) (*factory.Metric, error) {
	c := metricContent{Kind: factory.Gauge}
	if !bytes.HasSuffix(d.Data, undescribedMetric) {
		if err := json.Unmarshal(d.Data, &c); err != nil {
			return nil, fmt.Errorf("machine %q, metric %q: %w", k.Machine, k.Metric, err)
		}
	}
	m := &factory.Metric{
		Machine: k.Machine, Name: k.Metric, Unit: c.Unit, Kind: c.Kind, ExpectedMin: c.ExpectedMin, ExpectedMax: c.ExpectedMax,
		Retention: time.Duration(math.Round(c.Retention*1000)) * time.Millisecond,
		Version:   d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if c.Retention < 0 {
		m.Retention = factory.KeepForever
	}
	return m, nil
}

// encode returns the JSON of a valid machine or metric, or of a part of it.
func encode(content any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(content) // texts and finite numbers
	return bytes.TrimSpace(b.Bytes())
}
