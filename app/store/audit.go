package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"

	"smart-factory-backend/app/factory"
)

// MachineAudit returns the event that records the change of a machine by the sender
// in ctx. before and after are nil where the machine does not exist.
func MachineAudit(ctx context.Context, id string, before, after *Machine, now int64) factory.Event {
	return audit(ctx, factory.DocumentMachine, id, machineContent(before), machineContent(after), now)
}

// MetricAudit returns the event that records the change of a metric.
func MetricAudit(ctx context.Context, before *factory.Metric, after factory.Metric, now int64) factory.Event {
	return audit(ctx, factory.DocumentMetric, after.Machine+"/"+after.Name, metricContent(before), metricContent(&after), now)
}

func audit(ctx context.Context, kind factory.DocumentKind, id string, before, after []byte, now int64) factory.Event {
	e := factory.AuditEvent(kind, id, before, after, factory.Sender(ctx), now)
	e.ID, e.ReceivedAt = rand.Text(), now
	return e
}

func machineContent(m *Machine) []byte {
	if m == nil || m.Deleted {
		return nil
	}
	content := struct {
		Name       string            `json:"name"`
		Site       string            `json:"site"`
		Area       string            `json:"area"`
		Line       string            `json:"line"`
		Attributes map[string]string `json:"attributes,omitempty"`
		Signals    json.RawMessage   `json:"signals,omitempty"`
		IdealCycle float64           `json:"ideal_cycle_s,omitempty"`
	}{m.Name, m.Site, m.Area, m.Line, m.Attributes, m.Signals, m.IdealCycle}
	return encode(content)
}

func metricContent(m *factory.Metric) []byte {
	if m == nil {
		return nil
	}
	content := struct {
		Machine     string             `json:"machine"`
		Metric      string             `json:"metric"`
		Unit        string             `json:"unit"`
		Kind        factory.MetricKind `json:"kind"`
		ExpectedMin *float64           `json:"expected_min,omitempty"`
		ExpectedMax *float64           `json:"expected_max,omitempty"`
		Retention   float64            `json:"retention_s,omitempty"`
	}{m.Machine, m.Name, m.Unit, m.Kind, m.ExpectedMin, m.ExpectedMax, m.Retention.Seconds()}
	if m.Retention == factory.KeepForever {
		content.Retention = -1
	}
	return encode(content)
}

// encode returns the JSON of a valid machine or metric.
func encode(content any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(content) // texts and finite numbers
	return bytes.TrimSpace(b.Bytes())
}
