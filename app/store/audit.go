package store

import (
	"context"
	"crypto/rand"

	"smart-factory-backend/app/factory"
)

// MachineAudit returns the event that records the change of a machine by the sender
// in ctx. before and after are nil where the machine does not exist.
func MachineAudit(ctx context.Context, id string, before, after *Machine, now int64) factory.Event {
	return audit(ctx, factory.DocumentMachine, id, machineData(before), machineData(after), now)
}

// MetricAudit returns the event that records the change of a metric.
func MetricAudit(ctx context.Context, before *factory.Metric, after factory.Metric, now int64) factory.Event {
	return audit(ctx, factory.DocumentMetric, after.Machine+"/"+after.Name, metricData(before), metricData(&after), now)
}

func audit(ctx context.Context, kind factory.DocumentKind, id string, before, after []byte, now int64) factory.Event {
	e := factory.AuditEvent(kind, id, before, after, factory.Sender(ctx), now)
	e.ID, e.ReceivedAt = rand.Text(), now
	return e
}

func machineData(m *Machine) []byte {
	if m == nil || m.Deleted {
		return nil
	}
	return MachineDocument(m).Data
}

func metricData(m *factory.Metric) []byte {
	if m == nil {
		return nil
	}
	return MetricDocument(m).Data
}
