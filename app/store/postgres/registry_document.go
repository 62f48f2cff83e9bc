package postgres

import (
	"context"
	"errors"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// The documents of machines and metrics are in columns of the tables machine and
// series, by which Append and the lists of machines select.

func isRegistryKind(kind factory.DocumentKind) bool {
	return kind == factory.DocumentMachine || kind == factory.DocumentMetric
}

// registryDocument is Document for machines and metrics.
func (s *Store) registryDocument(ctx context.Context, kind factory.DocumentKind, id string) (factory.Document, error) {
	if kind == factory.DocumentMachine {
		m, err := s.Machine(ctx, id)
		if err != nil {
			return factory.Document{}, err
		}
		return store.MachineDocument(&store.Machine{Machine: m}), nil
	}
	machine, name, _ := strings.Cut(id, factory.MetricDocumentID("", ""))
	m, err := s.Metric(ctx, machine, name)
	if err != nil {
		return factory.Document{}, err
	}
	return store.MetricDocument(&m), nil
}

// registryDocuments is Documents for machines and metrics.
func (s *Store) registryDocuments(ctx context.Context, q factory.DocumentQuery, after string) (page factory.DocumentPage, err error) {
	add := func(d factory.Document) {
		if d.ID > after && strings.HasPrefix(d.ID, q.Prefix) && store.HasMembers(d.Data, q.Members) {
			page.Documents = append(page.Documents, d)
		}
	}
	machines := factory.MachineQuery{Limit: documentPage}
	for more := true; more && len(page.Documents) <= q.Limit; more = machines.Cursor != "" {
		found, err := s.Machines(ctx, machines)
		if err != nil {
			return factory.DocumentPage{}, err
		}
		for _, m := range found.Machines {
			if q.Kind == factory.DocumentMachine {
				add(store.MachineDocument(&store.Machine{Machine: m}))
				continue
			}
			metrics, err := s.metrics(ctx, m.ID, nil)
			if err != nil && !errors.Is(err, factory.ErrNotFound) { // deleted meanwhile
				return factory.DocumentPage{}, err
			}
			for i := range metrics {
				add(store.MetricDocument(&metrics[i]))
			}
		}
		machines.Cursor = found.NextCursor
	}
	if len(page.Documents) > q.Limit {
		page.Documents = page.Documents[:q.Limit]
		page.NextCursor = documentCursor.Encode(store.Position{Key: key{Machine: page.Documents[q.Limit-1].ID}})
	}
	return page, nil
}
