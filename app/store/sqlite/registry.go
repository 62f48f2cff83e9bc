package sqlite

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
)

var errNotBuilt = fmt.Errorf("not in this build: %w", factory.ErrUnavailable)

// PutMachine implements factory.Registry.
func (s *Store) PutMachine(context.Context, factory.Machine, factory.Match) (factory.Machine, bool, error) {
	return factory.Machine{}, false, errNotBuilt
}

// Machine implements factory.Registry.
func (s *Store) Machine(context.Context, string) (factory.Machine, error) {
	return factory.Machine{}, errNotBuilt
}

// Machines implements factory.Registry.
func (s *Store) Machines(context.Context, factory.MachineQuery) (factory.MachinePage, error) {
	return factory.MachinePage{}, errNotBuilt
}

// DeleteMachine implements factory.Registry.
func (s *Store) DeleteMachine(context.Context, string, factory.Match, bool) error { return errNotBuilt }

// PutMetric implements factory.Registry.
func (s *Store) PutMetric(context.Context, factory.Metric, factory.Match) (factory.Metric, bool, error) {
	return factory.Metric{}, false, errNotBuilt
}

// Metric implements factory.Registry.
func (s *Store) Metric(context.Context, string, string) (factory.Metric, error) {
	return factory.Metric{}, errNotBuilt
}

// Metrics implements factory.Registry.
func (s *Store) Metrics(context.Context, string) ([]factory.Metric, error) { return nil, errNotBuilt }

// Placement implements factory.Registry.
func (s *Store) Placement(string) (factory.Placement, bool) { return factory.Placement{}, false }

// Buckets implements factory.Store.
func (s *Store) Buckets(context.Context, factory.BucketQuery) (factory.BucketPage, error) {
	return factory.BucketPage{}, errNotBuilt
}

// Downsample implements factory.Store.
func (s *Store) Downsample(context.Context, factory.DownsampleQuery) ([]factory.Series, error) {
	return nil, errNotBuilt
}

// Backup implements factory.Store.
func (s *Store) Backup(context.Context, string) error { return errNotBuilt }
