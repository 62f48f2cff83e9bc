package sqlite

import (
	"sync/atomic"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// machine is a registered machine. Only the committer changes it.
type machine struct {
	id string
	// meta is the present version of the metadata, which is immutable and has
	// no LastSeen.
	meta atomic.Pointer[store.Machine]
}

func newMachine(meta *store.Machine) *machine {
	m := &machine{id: meta.ID}
	m.meta.Store(meta)
	return m
}

// liveMeta returns the metadata of a machine, or nil if it is deleted or m is
// nil.
func (m *machine) liveMeta() *store.Machine {
	if m == nil {
		return nil
	}
	if meta := m.meta.Load(); !meta.Deleted {
		return meta
	}
	return nil
}

// writeMachine writes the document of a machine.
func writeMachine(c *conn, a *store.Machine) error {
	d := store.MachineDocument(a)
	return writeDocument(c, &d)
}

// deleteMachineDocuments deletes the document of a machine and those of its metrics.
func deleteMachineDocuments(c *conn, id string) error {
	if err := deleteDocument(c, factory.DocumentMachine, id); err != nil {
		return err
	}
	// No name contains the separator of the id, so the next character ends the range.
	from := factory.MetricDocumentID(id, "")
	to := from[:len(from)-1] + string(from[len(from)-1]+1)
	return c.exec("DELETE FROM document WHERE kind = ? AND id >= ? AND id < ?", string(factory.DocumentMetric), from, to)
}

func asFlag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
